/**
 * The look of charts and pages: one style sheet for light and dark. Colours are named by what they
 * stand for; series colours are Okabe and Ito's (2008), which colour-blind people tell apart, made
 * darker or lighter until they stand out from the background.
 */

/** Series after these repeat the colours, as `again`: dashed curves, hollow marks, pale bars. */
export const COLOURS = 7

const LIGHT = `--page:#fff;--ink:#1c2024;--soft:#5d666f;--line:#dfe3e7;
--s0:#005a96;--s1:#c25200;--s2:#00855d;--s3:#946c00;--s4:#b0578a;--s5:#2279ad;--s6:#6b7178;
--above:#0072b2;--below:#d55e00`

const DARK = `--page:#15181b;--ink:#e6e9ec;--soft:#9aa4ad;--line:#31373d;
--s0:#4aa8e0;--s1:#f0813a;--s2:#2cc295;--s3:#e3b341;--s4:#e09cc3;--s5:#8ccdf2;--s6:#a3abb3;
--above:#4aa8e0;--below:#f0813a`

const SERIES = Array.from({ length: COLOURS }, (_, i) => `.s${i}{--c:var(--s${i})}`).join('')

/** Rules for what stands inside of a chart. */
const CHART = `
svg.chart{display:block;width:100%;height:auto;font:13px system-ui,sans-serif;fill:var(--ink)}
.chart .name{font-size:15px;font-weight:600}
.chart .soft,.chart .tick{fill:var(--soft)}
.chart .tick,.chart .value{font-size:12px;font-variant-numeric:tabular-nums}
.chart .grid{stroke:var(--line);stroke-width:1}
.chart .axis{stroke:var(--soft);stroke-width:1}
.chart .curve{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}
.chart .key{stroke:var(--c);stroke-width:6}
.chart .swatch{fill:var(--c);stroke:var(--c);stroke-width:1}
.chart .fill{fill:var(--c);fill-opacity:.18}
.chart .mark{fill:var(--c);stroke:var(--page);stroke-width:1}
.chart .part{fill:var(--c);stroke:var(--page);stroke-width:1}
.chart .inside{fill:var(--page);font-size:12px;font-weight:600}
.chart .again .curve,.chart .key.again{stroke-dasharray:6 3}
.chart .again .mark{fill:var(--page);stroke:var(--c);stroke-width:1.5}
.chart .again .part,.chart .swatch.again{fill:color-mix(in srgb,var(--c) 25%,var(--page));stroke:var(--c)}
.chart .again .inside{fill:var(--ink)}
.chart .direct{fill:var(--c);font-size:12px}
.chart .above{fill:var(--above)}
.chart .below{fill:var(--below)}
.chart .cell{stroke:var(--page);stroke-width:2}
${SERIES}`

const PAGE = `
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:1100px;margin:0 auto;padding:32px 20px 64px}
h1,h2,p{overflow-wrap:anywhere}
h1{font-size:26px;line-height:1.25;margin:0 0 8px}
h2{font-size:19px;margin:40px 0 8px}
p{margin:8px 0;max-width:72ch}
figure{margin:16px 0;max-width:900px;overflow-x:auto}
figure svg{min-width:640px}
.table{overflow-x:auto}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:5px 12px 5px 0;text-align:left;border-bottom:1px solid var(--line)}
td{white-space:nowrap}
td.long{min-width:24ch;white-space:normal;overflow-wrap:anywhere}
th{color:var(--soft);font-weight:600;vertical-align:bottom}
.number{text-align:right}
@media print{main{max-width:none;padding:0}}`

export const STYLE = `:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}${CHART}${PAGE}`
