/** The report's style sheet: system letters, light and dark, from a phone to a wall. */

export const pageStyle = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --line: #e1e4ea; --ink: #16191f; --soft: #5c6573;
  --accent: #1463e0; --accent-soft: #e3edfd; --unknown: #b26a00; --unknown-soft: #fff1d6;
  --bad: #b3261e; --bad-soft: #fdeceb; --good: #14713d; --good-soft: #e2f5ea;
  --radius: 12px;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1216; --card: #181c22; --line: #2a303a; --ink: #eceff4; --soft: #9aa5b4;
    --accent: #6ea8ff; --accent-soft: #172a48; --unknown: #ffb84d; --unknown-soft: #3a2a0c;
    --bad: #ff8a80; --bad-soft: #3d1715; --good: #69d695; --good-soft: #12301f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 1160px; margin: 0 auto; padding: 36px 24px 56px; }
header h1 { margin: 0; font-size: 28px; line-height: 1.2; letter-spacing: -0.02em; }
header p { margin: 6px 0 0; color: var(--soft); overflow-wrap: anywhere; }
h2 { margin: 44px 0 14px; font-size: 19px; letter-spacing: -0.01em; }
h3 { margin: 24px 0 10px; font-size: 15px; display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline; }
h3 small { color: var(--soft); font-weight: 400; font-size: 13px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); }
.books { margin-top: 26px; padding: 22px 24px; display: flex; flex-wrap: wrap; gap: 14px 22px; align-items: center; }
.term b { display: block; font-size: 34px; line-height: 1.1; letter-spacing: -0.03em; font-variant-numeric: tabular-nums; }
.term span { color: var(--soft); font-size: 13px; }
.sign { font-size: 26px; color: var(--soft); }
.verdict { margin-left: auto; padding: 6px 12px; border-radius: 999px; font-size: 13px; font-weight: 600; }
.verdict.closed { background: var(--good-soft); color: var(--good); }
.verdict.open { background: var(--bad-soft); color: var(--bad); }
.score { margin-top: 14px; display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); }
.score .card { padding: 16px 18px; }
.score b { font-size: 22px; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.score b small { font-size: 14px; font-weight: 400; color: var(--soft); letter-spacing: 0; }
.score p { margin: 2px 0 10px; color: var(--soft); font-size: 13px; }
.bar { height: 6px; border-radius: 3px; background: var(--line); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--accent); border-radius: 3px; }
.strip { display: flex; gap: 12px; overflow-x: auto; padding: 2px 2px 12px; margin: 0 -2px; scroll-snap-type: x proximity; }
.frame { flex: 0 0 290px; margin: 0; scroll-snap-align: start; overflow: hidden; display: flex; flex-direction: column; }
.frame button { all: unset; display: block; cursor: zoom-in; }
.frame button:focus-visible { outline: 3px solid var(--accent); outline-offset: -3px; }
.frame img, .frame .none { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: contain; background: #0a0c0f; }
.frame .none { display: grid; place-items: center; padding: 18px; text-align: center; background: var(--bad-soft); color: var(--bad); font-weight: 600; }
.frame .none.skipped { background: var(--line); color: var(--soft); }
figcaption { padding: 10px 12px 12px; font-size: 13px; }
figcaption .what { display: flex; flex-wrap: wrap; gap: 5px; margin-top: 6px; }
figcaption .when { color: var(--soft); display: flex; justify-content: space-between; gap: 8px; font-variant-numeric: tabular-nums; }
.tag { padding: 1px 8px; border-radius: 999px; background: var(--accent-soft); color: var(--accent); max-width: 100%; overflow-wrap: anywhere; }
.tag.unknown { background: var(--unknown-soft); color: var(--unknown); }
.tag.bad { background: var(--bad-soft); color: var(--bad); border-radius: 8px; }
.empty { color: var(--soft); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 16px; text-align: left; border-top: 1px solid var(--line); vertical-align: middle; }
thead th { border-top: 0; color: var(--soft); font-weight: 500; font-size: 13px; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.name { overflow-wrap: anywhere; min-width: 130px; }
td.cameras { color: var(--soft); overflow-wrap: anywhere; }
td.meter, th.meter { width: 26%; min-width: 110px; }
td img { width: 44px; height: 44px; object-fit: contain; display: block; border-radius: 6px; background: var(--ground); }
td.thumb { width: 60px; padding-right: 0; }
.crops { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); }
.crops figure { margin: 0; overflow: hidden; }
.crops img { display: block; width: 100%; height: 120px; object-fit: contain; background: var(--ground); }
.crops figcaption { padding: 8px 10px 10px; font-size: 12px; color: var(--soft); overflow-wrap: anywhere; }
.crops figcaption b { color: var(--ink); font-weight: 600; display: block; }
.times svg { display: block; width: 100%; height: 18px; }
.times td.chart { width: 46%; min-width: 140px; }
.times tr:last-child th, .times tr:last-child td { font-weight: 600; }
.times th { font-weight: 500; }
.gallery { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); }
.gallery figure { margin: 0; padding: 12px; }
.gallery .row { display: flex; gap: 4px; height: 56px; }
.gallery img { height: 56px; min-width: 0; flex: 0 1 auto; max-width: 24%; object-fit: contain; border-radius: 4px; }
.gallery figcaption { padding: 10px 0 0; font-weight: 600; overflow-wrap: anywhere; }
.gallery small { display: block; color: var(--soft); font-weight: 400; }
code { font: 12px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; color: var(--soft); }
.note { color: var(--soft); font-size: 13px; margin: 10px 2px 0; }
dialog { border: 0; padding: 0; background: transparent; max-width: 96vw; max-height: 96vh; }
dialog::backdrop { background: rgb(0 0 0 / 0.8); }
dialog img { display: block; width: min(96vw, 1280px); max-height: 90vh; object-fit: contain; border-radius: 8px; }
@media (max-width: 640px) {
  main { padding: 24px 16px 40px; }
  header h1 { font-size: 24px; }
  .books { padding: 18px; gap: 10px 14px; }
  .term b { font-size: 26px; }
  .sign { font-size: 20px; }
  .verdict { margin-left: 0; }
  .frame { flex-basis: 82%; }
  th, td { padding: 8px 12px; }
  td.cameras, th.cameras, td.meter, th.meter { display: none; }
  td.chart { display: none; }
}
@media print { .strip { flex-wrap: wrap; overflow: visible; } }
`
