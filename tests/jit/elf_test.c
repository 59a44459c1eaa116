/* SPDX-License-Identifier: MIT */
/* Objects: one that the compiler made, and what becomes of it when its bytes are changed. */
#include "tests/jit/fixture.h"

#include <elf.h>
#include <stddef.h>

#include "jit/elf.h"

typedef struct object {
    unsigned char *bytes; /* of exactly their number, so that a sanitizer sees the first byte too much */
    size_t count;
} object;

static object read_object(void) {
    char path[4200];
    snprintf(path, sizeof path, "%s", plugin_path("good"));
    snprintf(strrchr(path, '/') + 1, 64, "kernel_good.bin");
    FILE *file = fopen(path, "rb");
    static unsigned char bytes[1 << 16];
    assert_non_null(file);
    object o = {NULL, fread(bytes, 1, sizeof bytes, file)};
    fclose(file);
    assert_in_range(o.count, 100, sizeof bytes - 1);
    o.bytes = malloc(o.count);
    memcpy(o.bytes, bytes, o.count);
    return o;
}

static object copy_object(const object *from, size_t count) {
    object o = {malloc(count ? count : 1), count};
    memcpy(o.bytes, from->bytes, count);
    return o;
}

static Elf64_Ehdr *header(const object *o) {
    return (Elf64_Ehdr *)(void *)o->bytes;
}

static Elf64_Shdr *sections(const object *o) {
    return (Elf64_Shdr *)(void *)(o->bytes + header(o)->e_shoff);
}

/* The first section of a type that has all of the flags. */
static Elf64_Shdr *find_section(const object *o, uint32_t type, uint64_t flags) {
    for (int i = 1; i < header(o)->e_shnum; i++) {
        Elf64_Shdr *s = &sections(o)[i];
        if (s->sh_type == type && (s->sh_flags & flags) == flags && s->sh_size) return s;
    }
    fail();
    return NULL;
}

static Elf64_Rela *relocation(const object *o, uint32_t type) {
    for (int i = 1; i < header(o)->e_shnum; i++) {
        Elf64_Shdr *s = &sections(o)[i];
        for (uint64_t k = 0; s->sh_type == SHT_RELA && k < s->sh_size / sizeof(Elf64_Rela); k++) {
            Elf64_Rela *r = (Elf64_Rela *)(void *)(o->bytes + s->sh_offset) + k;
            if (ELF64_R_TYPE(r->r_info) == type) return r;
        }
    }
    fail();
    return NULL;
}

static Elf64_Sym *symbols(const object *o) {
    return (Elf64_Sym *)(void *)(o->bytes + find_section(o, SHT_SYMTAB, 0)->sh_offset);
}

static Elf64_Sym *function(const object *o) {
    Elf64_Sym *symbol = symbols(o);
    while (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC) symbol++;
    return symbol;
}

/* Opens and, if that went well, writes the image for an address. */
static nexpr_status load(const object *o, uint64_t address, nexpr_error *err) {
    nx_elf elf;
    nexpr_status status = nx_elf_open(o->bytes, o->count, &elf, err);
    if (status) return status;
    unsigned char *image = calloc(1, elf.image_bytes);
    assert_non_null(image);
    assert_true(elf.entry < elf.image_bytes);
    status = nx_elf_write(&elf, image, address, err);
    free(image);
    return status;
}

static void an_object_is_loaded_wherever_it_lies(void **state) {
    (void)state;
    object o = read_object();
    unsigned char *bytes = malloc(o.count + 1); /* not aligned */
    memcpy(bytes + 1, o.bytes, o.count);
    object shifted = {bytes + 1, o.count};
    assert_int_equal(load(&o, 0x7F0000001000, NULL), NEXPR_OK);
    assert_int_equal(load(&shifted, 0x1000, NULL), NEXPR_OK);
    free(bytes);
    free(o.bytes);
}

static void every_truncated_object_is_refused(void **state) {
    (void)state;
    object o = read_object();
    for (size_t n = 0; n < o.count; n++) {
        object part = copy_object(&o, n);
        nexpr_error err = nexpr_error_init();
        assert_int_equal(load(&part, 0x10000, &err), NEXPR_FORMAT);
        assert_non_null(strstr(err.message, "cannot be loaded"));
        free(part.bytes);
    }
    free(o.bytes);
}

static void any_bytes_are_loaded_or_refused(void **state) {
    (void)state;
    const unsigned char values[] = {0, 1, 0x7F, 0x80, 0xFF};
    object o = read_object();
    int refused = 0;
    for (size_t i = 0; i < o.count; i++) {
        for (size_t k = 0; k < sizeof values; k++) {
            object changed = copy_object(&o, o.count);
            changed.bytes[i] = values[k];
            nexpr_status status = load(&changed, 0x7F0000001000, NULL);
            assert_true(status == NEXPR_OK || status == NEXPR_FORMAT);
            refused += status != NEXPR_OK;
            free(changed.bytes);
        }
    }
    assert_in_range(refused, 200, (int)o.count * 5 - 200);
    free(o.bytes);
}

/* What is changed, and a part of the reason. */
#define CHANGES(X)                                                                                                     \
    X(header(o)->e_ident[EI_CLASS] = ELFCLASS32, "64-bit")                                                             \
    X(header(o)->e_ident[0] = 0, "64-bit")                                                                             \
    X(header(o)->e_machine = EM_AARCH64, "machine 183")                                                                \
    X(header(o)->e_type = ET_DYN, "not relocatable")                                                                   \
    X(header(o)->e_shentsize = 40, "40 bytes")                                                                         \
    X(header(o)->e_shnum = 0, "0 sections")                                                                            \
    X(header(o)->e_shnum = 65, "65 sections")                                                                          \
    X(header(o)->e_shoff = UINT64_MAX - 8, "section headers end")                                                      \
    X(header(o)->e_shoff = o->count - 64, "section headers end")                                                       \
    X(find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_offset = UINT64_MAX - 3, "ends behind")                         \
    X(find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_size = UINT64_MAX - 3, "ends behind")                           \
    X(find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_flags |= SHF_WRITE, "flags")                                    \
    X(find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_flags |= SHF_TLS, "flags")                                      \
    X(find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_flags |= SHF_COMPRESSED, "flags")                               \
    X(find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_type = SHT_INIT_ARRAY, "of type 14")                            \
    X(find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_addralign = 8192, "aligned to 8192")                            \
    X(find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_addralign = 24, "aligned to 24")                                \
    X(find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_flags &= ~(uint64_t)SHF_EXECINSTR, "not one function")          \
    X(find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_flags = 0, "in no section")                                     \
    X((find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_type = SHT_NOBITS), "not one function")                        \
    X((find_section(o, SHT_PROGBITS, SHF_MERGE)->sh_type = SHT_NOBITS,                                                 \
       find_section(o, SHT_NOBITS, SHF_MERGE)->sh_flags = SHF_ALLOC,                                                   \
       find_section(o, SHT_NOBITS, SHF_ALLOC)->sh_size = UINT64_MAX), "too large")                                     \
    X(find_section(o, SHT_SYMTAB, 0)->sh_type = SHT_PROGBITS, "no symbol table")                                       \
    X(find_section(o, SHT_PROGBITS, SHF_MERGE)->sh_type = SHT_SYMTAB, "two symbol tables")                             \
    X(find_section(o, SHT_SYMTAB, 0)->sh_entsize = 1, "symbol table is malformed")                                     \
    X(find_section(o, SHT_SYMTAB, 0)->sh_link = 99, "symbol table is malformed")                                       \
    X(find_section(o, SHT_SYMTAB, 0)->sh_link = 0, "table of names")                                                   \
    X(sections(o)[find_section(o, SHT_SYMTAB, 0)->sh_link].sh_size -= 1, "table of names")                             \
    X(sections(o)[find_section(o, SHT_SYMTAB, 0)->sh_link].sh_size = 0, "table of names")                              \
    X(find_section(o, SHT_SYMTAB, 0)->sh_size = sizeof(Elf64_Sym), "no function nexpr_segment")                        \
    X(function(o)->st_name = 0, "no function nexpr_segment")                                                           \
    X(function(o)->st_name = UINT32_MAX, "no function nexpr_segment")                                                  \
    X(function(o)->st_info = STT_OBJECT, "not one function")                                                           \
    X(function(o)->st_shndx = SHN_UNDEF, "undefined")                                                                  \
    X(function(o)->st_shndx = SHN_ABS, "in no section")                                                                \
    X(function(o)->st_value = UINT64_MAX, "outside of its section")                                                    \
    X(symbols(o)[1] = *function(o), "not one function")                                                                \
    X(relocation(o, R_X86_64_PC32)->r_info = ELF64_R_INFO(1, R_X86_64_GOTPCREL), "of type 9")                          \
    X(relocation(o, R_X86_64_PC32)->r_info = ELF64_R_INFO(0, R_X86_64_PC32), "has no symbol")                          \
    X(relocation(o, R_X86_64_PC32)->r_info = ELF64_R_INFO(UINT32_MAX, R_X86_64_PC32), "has no symbol")                 \
    X(relocation(o, R_X86_64_PC32)->r_addend = INT64_C(1) << 31, "out of range")                                       \
    X(relocation(o, R_X86_64_PC32)->r_offset = UINT64_MAX - 1, "out of its section")                                   \
    X(relocation(o, R_X86_64_PC32)->r_offset = find_section(o, SHT_PROGBITS, SHF_EXECINSTR)->sh_size - 3, "out of its")   \
    X(relocation(o, R_X86_64_64)->r_offset = UINT64_MAX - 3, "out of its section")                                     \
    X(relocation(o, R_X86_64_PC32)->r_info += R_X86_64_32S - R_X86_64_PC32, "out of range")                            \
    X(find_section(o, SHT_RELA, 0)->sh_info = 99, "of no section")                                                     \
    X(find_section(o, SHT_RELA, 0)->sh_entsize = 16, "relocations are malformed")                                      \
    X(find_section(o, SHT_RELA, 0)->sh_link = 0, "relocations are malformed")                                          \
    X(find_section(o, SHT_RELA, 0)->sh_type = SHT_REL, "relocations are malformed")

static void what_is_wrong_with_an_object_is_told(void **state) {
    (void)state;
    object good = read_object(), *o = &(object){NULL, 0};
#define X(change, reason)                                                  \
    {                                                                      \
        nexpr_error err = nexpr_error_init();                              \
        *o = copy_object(&good, good.count);                               \
        change;                                                            \
        nexpr_status status = load(o, 0x7F0000001000, &err);               \
        if (!status || !strstr(err.message, reason)) {                     \
            fail_msg("%s: not '%s' but '%s'", #change, reason, err.message); \
        }                                                                  \
        free(o->bytes);                                                    \
    }
    CHANGES(X)
#undef X
    free(good.bytes);
}

static void an_absolute_place_of_32_bits_is_written_where_it_fits(void **state) {
    (void)state;
    object o = read_object();
    nx_elf elf;
    static unsigned char image[1 << 16];
    Elf64_Rela *r = relocation(&o, R_X86_64_PC32);
    r->r_info += R_X86_64_32S - R_X86_64_PC32;
    assert_int_equal(nx_elf_open(o.bytes, o.count, &elf, NULL), NEXPR_OK);
    assert_int_equal(nx_elf_write(&elf, image, 0x10000, NULL), NEXPR_OK);
    int32_t written;
    memcpy(&written, image + elf.entry + r->r_offset, 4);
    Elf64_Sym symbol = symbols(&o)[ELF64_R_SYM(r->r_info)];
    assert_int_equal(written, 0x10000 + (int64_t)(elf.place[symbol.st_shndx] + symbol.st_value) + r->r_addend);
    free(o.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_loaded_wherever_it_lies),
        cmocka_unit_test(every_truncated_object_is_refused),
        cmocka_unit_test(any_bytes_are_loaded_or_refused),
        cmocka_unit_test(what_is_wrong_with_an_object_is_told),
        cmocka_unit_test(an_absolute_place_of_32_bits_is_written_where_it_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
