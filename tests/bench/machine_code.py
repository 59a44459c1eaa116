# SPDX-License-Identifier: MIT
"""Whether compiled functions work on vectors, told from objdump's listing.

A function is cut into basic blocks. What counts are blocks that run again and again. One that stores vector registers of the
least width, or hands them to a function, is the body of a vectorised loop: a compiler makes no others. Beside it there may
be a scalar loop for the elements left over, which looks like the only loop of a function that was not vectorised. So
faults() finds it a fault if

  - there is no vector body,
  - a vector body takes elements out, to work on them one by one,
  - leftovers are computed with an instruction that has a vector form, but no vector body has that: of several loops one was
    not vectorised,
  - a scalar loop comes behind no vector body: of several cases, as of a scalar operand, one was not vectorised,
  - a function that takes single elements is called again and again.
"""

import re
import subprocess
from collections import namedtuple
from functools import cache

Instruction = namedtuple("Instruction", "address name operands target symbol")
Function = namedtuple("Function", "name instructions")

LABEL = re.compile(r"^([0-9a-f]+) <(.+)>:$")
LINE = re.compile(r"^ *([0-9a-f]+):\t((?:(?:notrack|lock|rep|repz|repnz|bnd|data16|cs) +)*)(\S+) *(.*)$")
TARGET = re.compile(r"^([0-9a-f]+) <([^>+]+)(\+0x[0-9a-f]+)?>")
REGISTER = re.compile(r"%([xyz])mm\d")
WIDTH = {"x": 16, "y": 32, "z": 64}
# Vector functions of SLEEF, of any width.
VECTOR_FUNCTION = re.compile(r"^Sleef_(fi|ci)nz_\w+d[248]_\w+@plt$")
# Functions that move any number of bytes.
BLOCK_FUNCTION = re.compile(r"^(memcpy|memset|memmove)@plt$")

# All others of other libraries take single elements, and so do the compiler's helpers, as for products of complex numbers.
ELEMENT_FUNCTION = re.compile(r"^(?!Sleef_(?:fi|ci)nz_\w+d[248]_|mem).*@plt$|^__(?:mul|div|pow)[a-z0-9]*$")
# Work on a single element, and the vector forms that do the same. Moves of single elements are no work.
ARITHMETIC = re.compile(r"^(v?)(add|sub|mul|div|sqrt|rndscale|round|scalef|getexp|range|fn?m(?:add|sub)\d{3})s([sd])$")
ELEMENT_WORK = [
    (re.compile(r"^v?u?comis[sd]$|^v?(cmp\w*|min|max)s[sd]$"), re.compile(r"^v?(cmp\w*|min|max|fpclass|range)p[sd]$")),
    (re.compile(r"^v?cvtt?s[sd]2u?si[lq]?$"), re.compile(r"^v?cvtt?p[sd]2u?(dq|qq)[xy]?$")),
    (re.compile(r"^v?cvtu?si2s[sd][lq]?$"), re.compile(r"^v?cvtu?(dq|qq)2p[sd][xy]?$")),
    (re.compile(r"^v?cvtss2sd$"), re.compile(r"^v?cvtps2pd$")),
    (re.compile(r"^v?cvtsd2ss$"), re.compile(r"^v?cvtpd2ps[xy]?$")),
    (re.compile(r"^i?div[bwlq]?$"), re.compile(r"^v?divp[sd]$|^v?pmul")),
    (re.compile(r"^(popcnt|lzcnt|tzcnt|bs[rf])[bwlq]?$"), re.compile(r"^vp|^p[as]")),
]
VECTOR_STORE = re.compile(r"^v?(?!movs[sd]$)(p?mov|cvtps2ph|p?extract[fi]|p?maskmov|p?compress|p?scatter)")
# An operand in memory, and whether it is the last, which is what a move stores to.
MEMORY = re.compile(r"[^ ,]*\([^()]*\)(?:\{%k\d\})?($)?")
ELEMENT_MOVE = re.compile(r"^v?mov(s[sd]|d|q|[lh]p[sd])$")


def disassemble(path):
    """Functions by address."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-w", path], check=True, capture_output=True, text=True)
    functions, current = {}, None
    for line in listing.stdout.splitlines():
        if match := LINE.match(line):
            address, _, name, operands = match.groups()
            operands = operands.split("#")[0].rstrip()
            current.append(Instruction(int(address, 16), name, operands, *target_of(operands)))
        elif match := LABEL.match(line):
            current = []
            functions[int(match[1], 16)] = Function(match[2], current)
    return functions


# There are a million instructions, but far fewer names and operands: what these tell is found out once.
@cache
def target_of(operands):
    """(address, function if that is its beginning) of a jump or call."""
    match = TARGET.match(operands)
    return (int(match[1], 16), None if match[3] else match[2]) if match else (None, None)


def is_jump(instruction):
    return instruction.name[0] == "j" or instruction.name in ("loop", "xbegin")


def is_end(instruction):
    return instruction.name in ("jmp", "ret", "retq", "jmpq", "ud2", "hlt")


def blocks_of(function):
    """Blocks in order, and the indices of each one's successors."""
    code = function.instructions
    first, last = code[0].address, code[-1].address
    starts = {first}
    for i, instruction in enumerate(code):
        if is_jump(instruction) and instruction.target is not None and first <= instruction.target <= last:
            starts.add(instruction.target)
        if (is_jump(instruction) or is_end(instruction)) and i + 1 < len(code):
            starts.add(code[i + 1].address)
    blocks = []
    for instruction in code:
        if instruction.address in starts:
            blocks.append([])
        blocks[-1].append(instruction)
    index = {block[0].address: i for i, block in enumerate(blocks)}
    successors = []
    for i, block in enumerate(blocks):
        after = [index[block[-1].target]] if is_jump(block[-1]) and block[-1].target in index else []
        if not is_end(block[-1]) and i + 1 < len(blocks):
            after.append(i + 1)
        successors.append(after)
    return blocks, successors


def components(nodes, successors):
    """Strongly connected components of a graph, but for single nodes that do not follow themselves. Tarjan's algorithm."""
    order, lowest, stack, found = {}, {}, [], []
    for root in nodes:
        todo = [(root, iter(successors[root]))] if root not in order else []
        while todo:
            node, rest = todo[-1]
            if node not in order:
                order[node] = lowest[node] = len(order)
                stack.append(node)
            after = next((k for k in rest if k in nodes and (k not in order or k in stack)), None)
            if after is None:
                todo.pop()
                if todo:
                    lowest[todo[-1][0]] = min(lowest[todo[-1][0]], lowest[node])
                if lowest[node] == order[node]:
                    cut = stack.index(node)
                    component, stack = set(stack[cut:]), stack[:cut]
                    if len(component) > 1 or node in successors[node]:
                        found.append(component)
            elif after in order:
                lowest[node] = min(lowest[node], order[after])
            else:
                todo.append((after, iter(successors[after])))
    return found


def repeated_blocks(function):
    """The blocks that run again and again."""
    blocks, successors = blocks_of(function)
    for component in components(set(range(len(blocks))), successors):
        yield from (blocks[i] for i in sorted(component))


@cache
def form_of(name):
    if match := ARITHMETIC.match(name):
        digits = r"\d{3}" if match[2][0] == "f" else ""
        return re.compile(f"^v?{match[2].rstrip('0123456789')}{digits}p[sd]$")
    return next((form for work, form in ELEMENT_WORK if work.match(name)), None)


def vector_form(instruction):
    """A pattern of what does the same to a vector, None if the instruction is no work on a single element."""
    return form_of(instruction.name)


@cache
def width_in(operands):
    return max((WIDTH[letter] for letter in REGISTER.findall(operands)), default=0)


def width_of(instruction):
    return width_in(instruction.operands)


def is_store(instruction):
    """Whether the last operand is memory beyond the stack, and a vector register goes there."""
    last = re.search(r"([^ ,]*\([^()]*\))(\{%k\d\})?$", instruction.operands)
    return bool(last and "%rsp" not in last[1] and "%rip" not in last[1] and width_of(instruction)
                and VECTOR_STORE.match(instruction.name))


def is_spread(instruction, block):
    """Whether all elements of a vector are made what the instruction computes."""
    result = instruction.operands.rsplit(",", 1)[-1]
    later = block[block.index(instruction) + 1:]
    return any(re.match(rf"^(v?p?broadcast\w*|v?movddup) {result},|^(v?unpcklp[sd]|v?shufp[sd]) (\$0x0,)?{result},{result}$",
                        f"{i.name} {i.operands}") for i in later)


def is_vector_body(block, least_width):
    hands_over = any(i.name.startswith("call") and i.symbol and VECTOR_FUNCTION.match(i.symbol) for i in block)
    width = max((width_of(i) for i in block if not ELEMENT_MOVE.match(i.name) and not vector_form(i)), default=0)
    return hands_over or (width >= least_width and any(is_store(i) for i in block))


def is_scalar_loop(loop):
    """Whether elements are loaded and stored. What only stores is a fill, for a scalar operand out of the ordinary."""
    places = [(i.name, place) for i in loop if (place := MEMORY.search(i.operands)) and not i.name.startswith("lea")]
    stores = [place[1] is not None and not name.startswith(("cmp", "test")) for name, place in places
              if "%rsp" not in place[0] and "%rip" not in place[0]]
    return any(stores) and not all(stores)


def stray_loops(function, least_width):
    """Addresses of scalar loops that come behind no vector body, and do something else than the loops that do."""
    blocks, successors = blocks_of(function)
    loops = components(set(range(len(blocks))), successors)
    behind = {k for loop in loops for k in loop if is_vector_body(blocks[k], least_width)}
    todo = list(behind)
    while todo:
        after = [k for k in successors[todo.pop()] if k not in behind]
        behind.update(after)
        todo += after
    code = [[i for k in sorted(loop) for i in blocks[k]] for loop in loops]
    leftovers = [[i.name for i in body] for loop, body in zip(loops, code) if loop & behind]
    return [body[0].address for loop, body in zip(loops, code)
            if behind and not loop & behind and is_scalar_loop(body) and [i.name for i in body] not in leftovers]


def closure(functions, address, others):
    """The function and those that it calls or jumps to, without those at the addresses `others`: all of their instructions,
    and the blocks that run again and again, which are all blocks of what is called from such a block."""
    seen, todo, everything, repeated = set(), [(address, False)], [], []
    while todo:
        at, is_repeated = todo.pop()
        if (at, True) in seen or (at, is_repeated) in seen:
            continue
        seen.add((at, is_repeated))
        everything += functions[at].instructions
        blocks = blocks_of(functions[at])[0] if is_repeated else list(repeated_blocks(functions[at]))
        repeated += blocks
        inside = {i.address for block in blocks for i in block}
        for i in functions[at].instructions:
            if i.symbol and i.target not in others and i.target in functions and not ELEMENT_FUNCTION.match(i.symbol):
                todo.append((i.target, i.address in inside))
    return everything, repeated


def faults(functions, address, least_width, others=frozenset()):
    """What is scalar about the function at the address, as a list of texts. others: addresses that are looked at anyway."""
    everything, repeated = closure(functions, address, others)
    bodies = [block for block in repeated if is_vector_body(block, least_width)]
    names = {i.name for block in repeated for i in block if 2 * width_of(i) >= least_width} # half, where elements narrow
    found = []
    if not bodies and (repeated or not any(i.symbol and BLOCK_FUNCTION.match(i.symbol) for i in everything)):
        found.append("no vector body")
    mixed = {i.name for block in bodies for i in block if vector_form(i) and not is_spread(i, block)}
    found += [f"{name} in a vector body" for name in sorted(mixed)]
    single = {i.name: vector_form(i) for block in repeated for i in block if vector_form(i)}
    for name, form in sorted(single.items()):
        if bodies and name not in mixed and not any(form.match(other) for other in names):
            found.append(f"{name} only on single elements")
    if stray_loops(functions[address], least_width):
        found.append("a scalar loop behind no vector body")
    calls = {i.symbol for block in repeated for i in block if i.name.startswith("call") and i.symbol}
    found += [f"calls {name}" for name in sorted(calls) if ELEMENT_FUNCTION.match(name)]
    return found
