# SPDX-License-Identifier: MIT
"""Views drawn at random, as text: a call, an index or an attribute around the text of an array, whose value NumPy has found.
Most are right; some are out of bounds or do not fit, for whoever looks at errors.
"""

def integer(r, limit):
    return r.randint(-limit - 1, limit + 1) if r.random() < 0.1 else r.randint(-limit, max(limit - 1, 0))


def index(r, shape):
    """An index of an array of this shape, as text."""
    items, axes = [], list(shape)
    while axes and r.random() < 0.8:
        n = axes.pop(0)
        what = r.random()
        if what < 0.25:
            items.append(str(integer(r, n)))
        else:
            part = lambda: '' if r.random() < 0.4 else str(r.randint(-n - 2, n + 2))
            items.append(f'{part()}:{part()}' + (f':{r.choice([-3, -2, -1, 1, 2, 3])}' if r.random() < 0.5 else ''))
    while r.random() < 0.25:
        items.insert(r.randint(0, len(items)), r.choice(['None', 'newaxis']))
    if r.random() < 0.2:
        items.insert(r.randint(0, len(items)), '...')
    return ', '.join(items) or '...'


def factors(r, count):
    """Lengths whose product is count, or not."""
    shape = []
    while count > 1 and len(shape) < 4:
        n = r.choice([d for d in range(1, count + 1) if count % d == 0][:6])
        shape.append(n)
        count //= n
    shape.append(count if r.random() < 0.95 else count + 1)
    r.shuffle(shape)
    if r.random() < 0.3:
        shape[r.randrange(len(shape))] = -1
    return tuple(shape)


def axes(r, ndim):
    return tuple(integer(r, ndim) for _ in range(r.randint(1, 2)))


def view(r, text, value):
    """Another view of the expression `text`, whose value NumPy has found."""
    what, ndim = r.randrange(10), value.ndim
    if what <= 2:
        return f'({text})[{index(r, value.shape)}]'
    if what == 3:
        return f'({text}).T'
    if what == 4:
        order = r.sample(range(ndim), ndim)
        return f'({text}).transpose{tuple(order)}' if ndim > 1 else f'transpose({text}, {tuple(order)})'
    if what == 5:
        return f'swapaxes({text}, {integer(r, ndim)}, {integer(r, ndim)})'
    if what == 6:
        shape = factors(r, value.size)
        return f'reshape({text}, {shape})' if r.random() < 0.5 else f'({text}).reshape({", ".join(map(str, shape))})'
    if what == 7:
        wide = [r.randint(2, 3) if n == 1 and r.random() < 0.7 else n for n in value.shape]
        return f'broadcast_to({text}, {tuple([2] * r.randint(0, 1) + wide)})'
    if what == 8:
        chosen = r.choice(['', f', {axes(r, ndim)}', f', axis={integer(r, ndim)}'])
        return f'flip({text}{chosen})'
    return r.choice([f'squeeze({text})', f'expand_dims({text}, {axes(r, ndim + 1)})', f'expand_dims({text}, {integer(r, ndim)})'])
