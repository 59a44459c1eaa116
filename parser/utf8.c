/* SPDX-License-Identifier: MIT */
/*
 * The Unicode standard's table 3-7 of well-formed sequences. Letters are told from symbols by blocks, not by the full
 * database: a symbol in a block of letters passes for a letter, which only makes an odd name.
 */
#include "parser/utf8.h"

#include <string.h>

/* Length of the well-formed sequence at text, 0 if there is none. */
static int sequence(const unsigned char *s, size_t length) {
    unsigned lead = s[0];
    int n = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (!n || (size_t)n > length) return 0;
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) return 0;
    }
    bool overlong = (lead == 0xE0 && s[1] < 0xA0) || (lead == 0xF0 && s[1] < 0x90);
    bool surrogate = lead == 0xED && s[1] > 0x9F;
    bool too_large = lead == 0xF4 && s[1] > 0x8F;
    return overlong || surrogate || too_large ? 0 : n;
}

size_t nx_utf8_valid_prefix(const char *text, size_t length) {
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    size_t i = 0;
    while (i < length) {
        uint64_t word;
        if (length - i >= sizeof word) {
            memcpy(&word, text + i, sizeof word);
            if (!(((word - ones) | word) & highs)) { /* no NUL and nothing beyond ASCII */
                i += sizeof word;
                continue;
            }
        }
        int n = text[i] ? sequence((const unsigned char *)text + i, length - i) : 0;
        if (!n) return i;
        i += (size_t)n;
    }
    return length;
}

uint32_t nx_utf8_decode(const char *text, int *ret_length) {
    const unsigned char *s = (const unsigned char *)text;
    int n = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    uint32_t c = n == 1 ? s[0] : s[0] & (0xFFu >> (n + 1));
    for (int i = 1; i < n; i++) c = c << 6 | (s[i] & 0x3F);
    *ret_length = n;
    return c;
}

int nx_utf8_encode(uint32_t c, char *ret_text) {
    if (c < 0x80) {
        ret_text[0] = (char)c;
        return 1;
    }
    int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, c >>= 6) ret_text[i] = (char)(0x80 | (c & 0x3F));
    ret_text[0] = (char)((0xF00 >> n & 0xFF) | c);
    return n;
}

bool nx_utf8_is_letter(uint32_t c) {
    static const struct { uint32_t first, last; } symbols[] = {
        {0x80, 0xA9}, {0xAB, 0xB4}, {0xB6, 0xB9}, {0xBB, 0xBF}, {0xD7, 0xD7}, {0xF7, 0xF7},
        {0x1680, 0x1680}, {0x2000, 0x2070}, {0x2074, 0x207E}, {0x2080, 0x208E}, {0x20A0, 0x20CF},
        {0x2190, 0x2BFF}, {0x2E00, 0x2E7F}, {0x3000, 0x3004}, {0x3008, 0x3020}, {0x3030, 0x3030},
        {0xE000, 0xF8FF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE6F}, {0xFEFF, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFF3B, 0xFF3E},
        {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF}, {0x1F000, 0x1FAFF}, {0xE0000, 0x10FFFF},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        if (c >= symbols[i].first && c <= symbols[i].last) return false;
    }
    return true;
}
