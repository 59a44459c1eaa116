/* SPDX-License-Identifier: MIT */
/*
 * The style sheet of --annotate. One hue says how much time is spent; everything else is grey. Each shade of it has enough
 * contrast with its text, on light and on dark pages (WCAG AA).
 */
#include "cli/annotate_page.h"

static const char *const lines[] = {
    ":root{color-scheme:light dark;--page:#fbfbfa;--panel:#fff;--text:#1d1f23;--dim:#5d636d;--line:#e2e3e6;--code:#1d1a17;",
    "--hot:#d9572b;--h0:#fffaf3;--h1:#fff1de;--h2:#ffe5c4;--h3:#ffd6a6;--h4:#ffc389;--h5:#ffac70;--h6:#ff945f;--h7:#fb7c56;",
    "--mark:#1f6feb;--p0:#8c929c;--p1:#b3b8c0;--p2:#6f7681;--p3:#c9ccd2;--p4:#7fa3c7;--p5:#d9572b;--p6:#a58fc0;--p7:#"
    "7fb093}",
    "@media(prefers-color-scheme:dark){:root{--page:#131417;--panel:#1a1c20;--text:#e4e5e8;--dim:#9ba1ab;--line:#2e3137;",
    "--code:#f6efe8;--hot:#f07b4a;--h0:#211e1c;--h1:#2c231c;--h2:#3b2a1c;--h3:#4d321b;--h4:#613b1b;--h5:#78431c;--h6:#"
    "8f4a20;",
    "--h7:#a65028;--mark:#6cb0ff;--p0:#6a707a;--p1:#4d525b;--p2:#8b919b;--p3:#3d4148;--p4:#557ca3;--p5:#f07b4a;--p6:#"
    "7f6a9c;",
    "--p7:#578a6d}}",
    "*{box-sizing:border-box}",
    "body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,'Segoe "
    "UI',Roboto,sans-serif}",
    "main{max-width:1120px;margin:0 auto;padding:28px 24px 64px}",
    "pre,code,.num,td,th.num{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}",
    "h1{font-size:22px;line-height:1.3;margin:0 0 2px;font-weight:650;overflow-wrap:anywhere}",
    "h2{font-size:15px;margin:36px 0 10px;font-weight:650}",
    "h3{font-size:13px;margin:18px 0 6px;font-weight:600;color:var(--dim)}",
    "p{margin:6px 0;max-width:84ch}.dim{color:var(--dim)}p.dim{font-size:13px}header p{margin:0}",
    "a{color:inherit;text-decoration:none}p a,nav a{color:var(--mark)}",
    "nav{margin:14px 0 0;font-size:13px;display:flex;flex-wrap:wrap;gap:4px 16px}",
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:1px;background:var(--line);",
    "border:1px solid var(--line);border-radius:8px;overflow:hidden;margin:20px 0 0}",
    ".tiles div{background:var(--panel);padding:10px 14px}.tiles dt{font-size:12px;color:var(--dim)}",
    ".tiles dd{margin:0;font-size:17px;font-weight:600;overflow-wrap:anywhere}.tiles "
    "small{font-weight:400;color:var(--dim);font-size:12px}",
    ".panel{background:var(--panel);border:1px solid var(--line);border-radius:8px}",
    ".scroll{overflow-x:auto}",
    ".text{display:grid;grid-template-columns:auto 1fr;font-size:14px;line-height:1.75}",
    ".text pre{margin:0;padding:14px 16px;line-height:inherit;font-size:inherit}",
    ".text .gutter{color:var(--dim);text-align:right;border-right:1px solid "
    "var(--line);user-select:none;padding-right:10px;",
    "white-space:pre}.text.one{grid-template-columns:1fr}.text.one pre{white-space:pre-wrap;overflow-wrap:anywhere}",
    ".text pre.source{overflow-x:auto;color:var(--text);tab-size:4}.text i{color:var(--dim);font-style:normal}",
    ".h0,.h1,.h2,.h3,.h4,.h5,.h6,.h7{color:var(--code);border-radius:3px;padding:2px 0;-webkit-box-decoration-break:clone;",
    "box-decoration-break:clone}",
    ".h0{background:var(--h0)}.h1{background:var(--h1)}.h2{background:var(--h2)}.h3{background:var(--h3)}.h4{background:var("
    "--h4)}",
    ".h5{background:var(--h5)}.h6{background:var(--h6)}.h7{background:var(--h7)}",
    ".source a:focus-visible{outline:2px solid var(--mark)}:target{outline:2px solid var(--mark);outline-offset:1px}",
    "tr:target{outline-offset:-2px}",
    ".legend{display:flex;flex-wrap:wrap;gap:2px 0;margin:8px 0 0;font-size:12px;color:var(--dim);align-items:center}",
    ".legend span{padding:1px 8px;border-radius:0;font-size:11px}.legend p{margin:0 12px 0 0;max-width:none}",
    "ul.limits{margin:0;padding:0;list-style:none}ul.limits li{padding:8px 14px;border-top:1px solid var(--line)}",
    "ul.limits li:first-child{border-top:0}",
    ".phases{display:flex;height:18px;border-radius:4px;overflow:hidden;gap:1px;background:var(--line)}.phases "
    "span{min-width:1px}",
    ".key{display:flex;flex-wrap:wrap;gap:4px 18px;margin:8px 0 0;padding:0;list-style:none;font-size:13px}",
    ".key b{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}",
    ".p0{background:var(--p0)}.p1{background:var(--p1)}.p2{background:var(--p2)}.p3{background:var(--p3)}.p4{background:var("
    "--p4)}",
    ".p5{background:var(--p5)}.p6{background:var(--p6)}.p7{background:var(--p7)}",
    "table{border-collapse:collapse;width:100%;font-size:12.5px}th{font-weight:600;font-size:12px;color:var(--dim);text-"
    "align:left}",
    "th,td{padding:4px 12px;border-top:1px solid var(--line);white-space:nowrap;vertical-align:top}",
    "thead "
    "th{border-top:0;padding-top:8px}th.num,td.num{text-align:right}td.wrap{white-space:normal;min-width:22ch;overflow-wrap:"
    "anywhere}",
    "td.bar{min-width:152px}td.bar span{float:left;height:10px;margin:5px 8px 0 0;background:var(--hot);border-radius:2px;",
    "max-width:80px}tbody tr:hover td{background:color-mix(in srgb,var(--mark) 7%,transparent)}",
    "td.in{color:var(--dim)}td.in span{padding:2px 5px}",
    "td.place{max-width:42ch;overflow:hidden;text-overflow:ellipsis}.values td.place{max-width:34ch}",
    "svg.roofline{display:block;width:100%;height:auto;max-width:880px;margin:0 auto;min-width:520px}",
    "svg text{fill:var(--text);font:12px system-ui,sans-serif}svg .tick,svg .axis{fill:var(--dim);font-size:11px}",
    "svg .grid{stroke:var(--line);fill:none}svg .roof{stroke:var(--text);stroke-width:2;fill:none}",
    "svg .other{stroke-dasharray:5 4;stroke-width:1.5;stroke:var(--dim)}svg .roof-name{fill:var(--dim);font-size:11.5px}",
    "svg .gap{stroke:var(--hot);stroke-dasharray:2 3;fill:none}svg "
    "circle{fill:var(--hot);stroke:var(--panel);stroke-width:2}",
    "svg .nest-name{font-weight:600}",
    "details{border-top:1px solid var(--line)}details:first-of-type{border-top:0}",
    "summary{cursor:pointer;padding:8px 14px;font-size:13px}summary:hover{background:color-mix(in srgb,var(--mark) "
    "7%,transparent)}",
    "details pre{margin:0;padding:10px 16px 16px;overflow:auto;max-height:520px;font-size:12px;line-height:1.45;tab-size:8}",
    "footer{margin-top:40px;font-size:12.5px;color:var(--dim)}",
    "@media(max-width:600px){.gutter span{display:none}.text .gutter{padding-right:6px}main{padding:18px 12px 40px}.text "
    "pre{padding:10px}h1{font-size:18px}th,td{padding:4px 8px}}",
    "@media print{details pre{max-height:none}}",
};

void annotate_style(FILE *out) {
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) fprintf(out, "%s\n", lines[i]);
}
