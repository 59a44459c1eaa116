/* SPDX-License-Identifier: MIT */
/*
 * Makes the man page and the completions of bash, zsh and fish from options.def, while nexpr is built:
 *
 *   pages man TEMPLATE    the template, with the options in place of its line @OPTIONS@
 *   pages bash|zsh|fish
 *
 * Each shell has its own way of quoting; the texts go through put_quoted, which knows what a shell minds.
 */
#include "nexpr.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char FILES[] = "files", ANYTHING[] = "anything", NOTHING[] = "nothing";
static const char DTYPES[] =
#define X(id, suffix, name, class, ctype) name " "
    NEXPR_DTYPE_MAP(X)
#undef X
    ;

enum { ONCE, MANY };

typedef struct option_row {
    char letter;
    const char *word, *argument, *values;
    int times;
    const char *brief, *more;
} option_row;

static const option_row rows[] = {
#define OPTION(id, letter, word, argument, values, times, brief, more) {letter, word, argument, values, times, brief, more},
#include "cli/options.def"
};

enum { COUNT = sizeof rows / sizeof *rows };

/* The words that the argument may be; NULL if it may be anything else. */
static const char *words_of(const option_row *row) {
    return row->values == FILES || row->values == ANYTHING || row->values == NOTHING ? NULL : row->values;
}

/* Writes text; in front of each character of `special` stands `escape`. */
static void put_quoted(const char *text, const char *special, const char *escape) {
    for (; *text; text++) {
        if (strchr(special, *text)) fputs(escape, stdout);
        putchar(*text);
    }
}

/* ------------------------------------------------------------------------------------------------------- man page -- */

static void put_roff(const char *text, size_t length) {
    if (length && strchr(".'", *text)) fputs("\\&", stdout);
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '\\': fputs("\\e", stdout); break;
        case '-': fputs("\\-", stdout); break;
        case '`': fputs("\\(ga", stdout); break;
        case '"': fputs("\\(dq", stdout); break;
        default: putchar(text[i]);
        }
    }
}

/* A sentence a line, as roff wants it: it puts the space between them. */
static void put_sentences(const char *text) {
    while (*text) {
        const char *stop = strstr(text, ". ");
        size_t n = stop ? (size_t)(stop - text) + 1 : strlen(text);
        put_roff(text, n);
        putchar('\n');
        text += n + (stop != NULL);
    }
}

static void man_option(const option_row *row) {
    fputs(".TP\n", stdout);
    if (row->letter) printf("\\fB\\-%c\\fR, ", row->letter);
    fputs("\\fB\\-\\-", stdout);
    put_roff(row->word, strlen(row->word));
    fputs("\\fR", stdout);
    if (*row->argument) {
        fputs(row->argument[1] == '=' ? "\\fI" : " \\fI", stdout);
        put_roff(row->argument, strlen(row->argument));
        fputs("\\fR", stdout);
    }
    putchar('\n');
    putchar(toupper((unsigned char)row->brief[0]));
    put_roff(row->brief + 1, strlen(row->brief + 1));
    fputs(".\n", stdout);
    put_sentences(row->more);
}

static int man(const char *path) {
    char line[512];
    FILE *template = path ? fopen(path, "r") : NULL;
    if (!template) return 1;
    while (fgets(line, sizeof line, template)) {
        if (strcmp(line, "@OPTIONS@\n")) {
            fputs(line, stdout);
            continue;
        }
        for (int i = 0; i < COUNT; i++) man_option(&rows[i]);
    }
    return fclose(template) || ferror(stdout);
}

/* ----------------------------------------------------------------------------------------------------------- bash -- */

/* "-i | --input" */
static void bash_pattern(const option_row *row) {
    if (row->letter) printf("-%c | ", row->letter);
    printf("--%s", row->word);
}

static void bash_values(const option_row *row) {
    const char *words = words_of(row);
    if (row->values == NOTHING || row->values == FILES) return;
    fputs("        ", stdout);
    bash_pattern(row);
    if (words) printf(") words='%s' ;;\n", words);
    else fputs(") return ;;\n", stdout);
}

static int bash(void) {
    fputs("# bash completion of nexpr\n"
          "_nexpr() {\n"
          "    local current=$2 option=$3 words=''\n"
          "    COMPREPLY=()\n"
          "    if [[ $current == = ]]; then # a word that bash splits at \"=\"\n"
          "        current=''\n"
          "    elif [[ $option == = ]]; then\n"
          "        option=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    case $option in\n", stdout);
    for (int i = 0; i < COUNT; i++) bash_values(&rows[i]);
    fputs("    esac\n"
          "    if [[ -z $words && $current == -* ]]; then\n"
          "        words='", stdout);
    for (int i = 0; i < COUNT; i++) {
        if (rows[i].letter) printf("-%c ", rows[i].letter);
        printf("--%s ", rows[i].word);
    }
    fputs("'\n"
          "    fi\n"
          "    if [[ -n $words ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
          "    else\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
          "    fi\n"
          "}\n"
          "complete -F _nexpr nexpr\n", stdout);
    return ferror(stdout);
}

/* ------------------------------------------------------------------------------------------------------------ zsh -- */

/* A colon ends a part of _arguments' words, a bracket ends the explanation. */
static void zsh_text(const char *text) {
    for (; *text; text++) {
        if (*text == '\'') fputs("'\\''", stdout);
        else if (strchr(":[]\\", *text)) printf("\\%c", *text);
        else putchar(*text);
    }
}

static void zsh_option(const option_row *row) {
    const bool may_stand_alone = *row->argument && row->argument[1] == '=';
    const char *value = may_stand_alone ? "=-" : *row->argument ? "=" : "", *plus = *value ? "+" : "", *words = words_of(row);
    bool many = row->times == MANY;
    fputs("    ", stdout);
    if (row->letter && many) printf("'*'{-%c%s,--%s%s}'", row->letter, plus, row->word, value);
    else if (row->letter) printf("'(-%c --%s)'{-%c%s,--%s%s}'", row->letter, row->word, row->letter, plus, row->word, value);
    else printf("'%s--%s%s", many ? "*" : "", row->word, value);
    putchar('[');
    zsh_text(row->brief);
    putchar(']');
    if (*value) {
        fputs(may_stand_alone ? "::" : ":", stdout);
        zsh_text(row->argument);
        putchar(':');
    }
    if (words) printf("(%s)", words);
    else if (row->values == FILES) fputs("_nexpr_file", stdout);
    fputs("' \\\n", stdout);
}

static int zsh(void) {
    fputs("#compdef nexpr\n"
          "# zsh completion of nexpr\n"
          "_nexpr_file() {\n"
          "    compset -P '*='\n"
          "    _files\n"
          "}\n"
          "_arguments -s -S \\\n", stdout);
    for (int i = 0; i < COUNT; i++) zsh_option(&rows[i]);
    fputs("    '1:expression:'\n", stdout);
    return ferror(stdout);
}

/* ----------------------------------------------------------------------------------------------------------- fish -- */

static void fish_option(const option_row *row) {
    const char *words = words_of(row);
    fputs("complete -c nexpr", stdout);
    if (row->letter) printf(" -s %c", row->letter);
    printf(" -l %s", row->word);
    if (words) printf(" -x -a '%s'", words);
    else if (row->values == FILES) fputs(" -r -F", stdout);
    else if (row->values == ANYTHING) fputs(" -x", stdout);
    fputs(" -d '", stdout);
    put_quoted(row->brief, "\\'", "\\");
    fputs("'\n", stdout);
}

static int fish(void) {
    fputs("# fish completion of nexpr\n"
          "complete -c nexpr -f\n", stdout);
    for (int i = 0; i < COUNT; i++) fish_option(&rows[i]);
    return ferror(stdout);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "man")) return man(argv[2]);
    if (!strcmp(what, "bash")) return bash();
    if (!strcmp(what, "zsh")) return zsh();
    if (!strcmp(what, "fish")) return fish();
    fputs("usage: pages man TEMPLATE | bash | zsh | fish\n", stderr);
    return 2;
}
