/* SPDX-License-Identifier: MIT */
/*
 * The order of checks is the order of use: headers, sections and their places, symbols, relocations. Structures are copied
 * out of the bytes, which need not be aligned. Every function that raises an error ends with it; there is no other state.
 */
#include "jit/elf.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "jit/plugin.h"

enum { MAX_IMAGE = 16 << 20 };

/* The relocations there are: how many bytes they write, whether relative to their place, what they can express. */
static const struct relocation {
    uint32_t type;
    unsigned width;
    bool is_relative;
} relocations[] = {
    {R_X86_64_64, 8, false},
    {R_X86_64_PC64, 8, true},
    {R_X86_64_PC32, 4, true},
    {R_X86_64_PLT32, 4, true},
    {R_X86_64_32S, 4, false},
};

__attribute__((format(printf, 2, 3))) static nexpr_status refuse(nexpr_error *err, const char *format, ...) {
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    nx_fail(err, NEXPR_FORMAT, NX_NOWHERE, "the object code cannot be loaded: %s", what);
    return NEXPR_FORMAT;
}

static bool is_within(const nx_elf *elf, uint64_t offset, uint64_t bytes) {
    return offset <= elf->count && bytes <= elf->count - offset;
}

/* -------------------------------------------------------------------------------------------------- sections -- */

static Elf64_Ehdr header_of(const nx_elf *elf) {
    Elf64_Ehdr header;
    memcpy(&header, elf->bytes, sizeof header);
    return header;
}

/* i < elf->section_count. */
static Elf64_Shdr section_of(const nx_elf *elf, unsigned i) {
    Elf64_Shdr section;
    memcpy(&section, elf->bytes + header_of(elf).e_shoff + i * sizeof section, sizeof section);
    return section;
}

static nexpr_status check_header(nx_elf *elf, nexpr_error *err) {
    static const unsigned char ident[] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
    if (elf->count < sizeof(Elf64_Ehdr)) return refuse(err, "it has only %zu bytes", elf->count);
    Elf64_Ehdr header = header_of(elf);
    if (memcmp(header.e_ident, ident, sizeof ident) || header.e_version != EV_CURRENT) {
        return refuse(err, "it is not a 64-bit ELF file of this byte order");
    }
    if (header.e_machine != EM_X86_64) return refuse(err, "it is for machine %d", header.e_machine);
    if (header.e_type != ET_REL) return refuse(err, "it is of type %d and not relocatable", header.e_type);
    if (header.e_shentsize != sizeof(Elf64_Shdr)) return refuse(err, "section headers have %d bytes", header.e_shentsize);
    if (!header.e_shnum || header.e_shnum > NX_ELF_SECTIONS) return refuse(err, "it has %d sections", header.e_shnum);
    if (!is_within(elf, header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr))) {
        return refuse(err, "its section headers end behind its %zu bytes", elf->count);
    }
    elf->section_count = header.e_shnum;
    return NEXPR_OK;
}

/* Whether a section is part of the image. */
static bool is_loaded(const Elf64_Shdr *section) {
    return section->sh_flags & SHF_ALLOC && section->sh_size;
}

static nexpr_status check_loaded(const Elf64_Shdr *section, unsigned i, nexpr_error *err) {
    uint64_t alignment = section->sh_addralign;
    switch (section->sh_type) {
    case SHT_PROGBITS:
    case SHT_NOBITS:
    case SHT_NOTE:
    case SHT_X86_64_UNWIND: break;
    default: return refuse(err, "section %u is of type %u", i, section->sh_type);
    }
    if (section->sh_flags & (SHF_WRITE | SHF_TLS | SHF_COMPRESSED)) {
        return refuse(err, "section %u has flags %#llx", i, (unsigned long long)section->sh_flags);
    }
    if (alignment > NX_ELF_ALIGNMENT || (alignment & (alignment - 1))) {
        return refuse(err, "section %u is aligned to %llu bytes", i, (unsigned long long)alignment);
    }
    return NEXPR_OK;
}

static nexpr_status place_section(nx_elf *elf, unsigned i, nexpr_error *err) {
    Elf64_Shdr section = section_of(elf, i);
    uint64_t mask = section.sh_addralign ? section.sh_addralign - 1 : 0;
    elf->place[i] = NX_ELF_NOWHERE;
    bool is_in_file = section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL;
    if (is_in_file && !is_within(elf, section.sh_offset, section.sh_size)) {
        return refuse(err, "section %u ends behind its %zu bytes", i, elf->count);
    }
    if (!is_loaded(&section)) return NEXPR_OK;
    NX_TRY(check_loaded(&section, i, err));
    uint64_t place = (elf->image_bytes + mask) & ~mask;
    if (section.sh_size > MAX_IMAGE || place + section.sh_size > MAX_IMAGE) return refuse(err, "it is too large");
    elf->place[i] = place;
    elf->image_bytes = place + section.sh_size;
    return NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------- symbols -- */

typedef struct symbols {
    Elf64_Shdr table, names;
    unsigned index; /* of the table */
    uint64_t count;
} symbols;

static Elf64_Sym symbol_of(const nx_elf *elf, const symbols *s, uint64_t i) {
    Elf64_Sym symbol;
    memcpy(&symbol, elf->bytes + s->table.sh_offset + i * sizeof symbol, sizeof symbol);
    return symbol;
}

static nexpr_status find_symbols(const nx_elf *elf, symbols *ret, nexpr_error *err) {
    *ret = (symbols){0};
    for (unsigned i = 1; i < elf->section_count; i++) {
        Elf64_Shdr section = section_of(elf, i);
        if (section.sh_type != SHT_SYMTAB) continue;
        if (ret->index) return refuse(err, "it has two symbol tables");
        ret->index = i;
        ret->table = section;
    }
    if (!ret->index) return refuse(err, "it has no symbol table");
    if (ret->table.sh_entsize != sizeof(Elf64_Sym) || ret->table.sh_link >= elf->section_count) {
        return refuse(err, "its symbol table is malformed");
    }
    ret->names = section_of(elf, ret->table.sh_link);
    if (ret->names.sh_type != SHT_STRTAB || !ret->names.sh_size ||
        elf->bytes[ret->names.sh_offset + ret->names.sh_size - 1]) {
        return refuse(err, "its table of names is malformed");
    }
    ret->count = ret->table.sh_size / sizeof(Elf64_Sym);
    return NEXPR_OK;
}

static bool is_named(const nx_elf *elf, const symbols *s, const Elf64_Sym *symbol, const char *name) {
    return symbol->st_name < s->names.sh_size &&
           !strcmp((const char *)elf->bytes + s->names.sh_offset + symbol->st_name, name);
}

/* Where a symbol is in the image. */
static nexpr_status place_symbol(const nx_elf *elf, const Elf64_Sym *symbol, uint64_t *ret, nexpr_error *err) {
    unsigned i = symbol->st_shndx;
    if (i == SHN_UNDEF) return refuse(err, "a symbol is undefined");
    if (i >= elf->section_count || elf->place[i] == NX_ELF_NOWHERE) return refuse(err, "a symbol is in no section");
    if (symbol->st_value > section_of(elf, i).sh_size) return refuse(err, "a symbol lies outside of its section");
    *ret = elf->place[i] + symbol->st_value;
    return NEXPR_OK;
}

static nexpr_status find_entry(nx_elf *elf, const symbols *s, nexpr_error *err) {
    bool found = false;
    for (uint64_t i = 1; i < s->count; i++) {
        Elf64_Sym symbol = symbol_of(elf, s, i);
        if (!is_named(elf, s, &symbol, NX_JIT_SYMBOL)) continue;
        uint64_t place = 0;
        NX_TRY(place_symbol(elf, &symbol, &place, err));
        Elf64_Shdr section = section_of(elf, symbol.st_shndx);
        if (found || ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || !(section.sh_flags & SHF_EXECINSTR) ||
            section.sh_type != SHT_PROGBITS || symbol.st_value >= section.sh_size) {
            return refuse(err, "%s is not one function", NX_JIT_SYMBOL);
        }
        found = true;
        elf->entry = place;
        uint64_t left = section.sh_size - symbol.st_value;
        elf->entry_bytes = symbol.st_size < left ? symbol.st_size : left;
    }
    return found ? NEXPR_OK : refuse(err, "there is no function %s", NX_JIT_SYMBOL);
}

nexpr_status nx_elf_open(const void *bytes, size_t count, nx_elf *ret, nexpr_error *err) {
    symbols s;
    ret->bytes = bytes;
    ret->count = count;
    ret->image_bytes = ret->entry = ret->entry_bytes = 0;
    NX_TRY(check_header(ret, err));
    for (unsigned i = 0; i < ret->section_count; i++) NX_TRY(place_section(ret, i, err));
    NX_TRY(find_symbols(ret, &s, err));
    return find_entry(ret, &s, err);
}

/* ----------------------------------------------------------------------------------------------- relocations -- */

static const struct relocation *relocation_of(uint32_t type) {
    for (size_t i = 0; i < sizeof relocations / sizeof *relocations; i++) {
        if (relocations[i].type == type) return &relocations[i];
    }
    return NULL;
}

/* Applies one relocation to section `target`, which is loaded and not empty memory. */
static nexpr_status relocate(const nx_elf *elf, const symbols *s, unsigned target, const Elf64_Rela *rela,
                             unsigned char *image, uint64_t address, nexpr_error *err) {
    const struct relocation *how = relocation_of((uint32_t)ELF64_R_TYPE(rela->r_info));
    uint64_t index = ELF64_R_SYM(rela->r_info), size = section_of(elf, target).sh_size, place = 0;
    if (!how) return refuse(err, "a relocation is of type %u", (unsigned)ELF64_R_TYPE(rela->r_info));
    if (rela->r_offset > size || how->width > size - rela->r_offset) {
        return refuse(err, "a relocation is out of its section");
    }
    if (!index || index >= s->count) return refuse(err, "a relocation has no symbol");
    Elf64_Sym symbol = symbol_of(elf, s, index);
    NX_TRY(place_symbol(elf, &symbol, &place, err));
    uint64_t at = elf->place[target] + rela->r_offset;
    uint64_t value = address + place + (uint64_t)rela->r_addend - (how->is_relative ? address + at : 0);
    if (how->width == 4 && (int64_t)value != (int32_t)value) return refuse(err, "a relocation is out of range");
    memcpy(image + at, &value, how->width);
    return NEXPR_OK;
}

static nexpr_status relocate_section(const nx_elf *elf, const symbols *s, const Elf64_Shdr *section, unsigned char *image,
                                     uint64_t address, nexpr_error *err) {
    unsigned target = section->sh_info;
    if (target >= elf->section_count) return refuse(err, "relocations are of no section");
    if (elf->place[target] == NX_ELF_NOWHERE) return NEXPR_OK;
    if (section->sh_type == SHT_REL || section->sh_entsize != sizeof(Elf64_Rela) || section->sh_link != s->index ||
        section_of(elf, target).sh_type == SHT_NOBITS) {
        return refuse(err, "its relocations are malformed");
    }
    for (uint64_t i = 0; i < section->sh_size / sizeof(Elf64_Rela); i++) {
        Elf64_Rela rela;
        memcpy(&rela, elf->bytes + section->sh_offset + i * sizeof rela, sizeof rela);
        NX_TRY(relocate(elf, s, target, &rela, image, address, err));
    }
    return NEXPR_OK;
}

nexpr_status nx_elf_write(const nx_elf *elf, unsigned char *image, uint64_t address, nexpr_error *err) {
    symbols s;
    NX_TRY(find_symbols(elf, &s, err));
    for (unsigned i = 0; i < elf->section_count; i++) {
        Elf64_Shdr section = section_of(elf, i);
        if (elf->place[i] == NX_ELF_NOWHERE || section.sh_type == SHT_NOBITS) continue;
        memcpy(image + elf->place[i], elf->bytes + section.sh_offset, section.sh_size);
    }
    for (unsigned i = 0; i < elf->section_count; i++) {
        Elf64_Shdr section = section_of(elf, i);
        if (section.sh_type != SHT_RELA && section.sh_type != SHT_REL) continue;
        NX_TRY(relocate_section(elf, &s, &section, image, address, err));
    }
    return NEXPR_OK;
}
