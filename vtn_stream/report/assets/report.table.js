/* The table of segments: only the rows in sight are in the document. */

const ROW = 28, PRINTED = 2000;
const COLUMNS = [["label", "Label"], ["start", "Start"], ["end", "End"], ["length", "Length"], ["score", "Score"], ["by", "By"]];
if (hasNotes) COLUMNS.push(["note", "Notes"]);
let printing = false, rowsTop = 0;
let rowsGoTo = null; // where the rows are to be scrolled to when they are drawn: at once would make the browser lay out

function rowOf(i) {
  const score = scoreOf(i, 3);
  const cells = [
    make("td", {}, make("span", { class: "named" }, ...signs(segments.label[i]), stranger(nameOf(i)))),
    make("td", { class: "number" }, clock(segments.start[i])),
    make("td", { class: "number end" }, clock(segments.end[i])),
    make("td", { class: "number length" }, clock(segments.end[i] - segments.start[i])),
    make("td", { class: "number" }, isTrue(i) ? make("span", { class: "badge" }, score) : score),
    make("td", { class: "by" }, BY[byWhom(i)] ?? ""),
  ];
  if (hasNotes) cells.push(make("td", { class: "note" }, stranger(segments.note[i])));
  return make("tr", { id: `row${i}`, "data-segment": i }, ...cells);
}

/** In place of rows out of sight. */
function filler(id, num) {
  const tr = $(id) ?? make("tr", { id, class: "filler", "aria-hidden": "true" }, make("td"));
  tr.firstChild.style.height = `${num * ROW}px`;
  return tr;
}

/** Makes these its children. Those that stay are left alone: they need no new layout, and a click needs its row from
    down to up. */
function putInto(element, children) {
  const wanted = new Set(children), there = element.children;
  for (const child of [...there]) if (!wanted.has(child)) child.remove();
  children.forEach((child, k) => { if (there[k] !== child) element.insertBefore(child, there[k] ?? null); });
}

function paintTable() {
  rowsTop = rowsGoTo ?? rowsTop;
  const first = printing ? 0 : within(Math.floor(rowsTop / ROW) - 4, 0, Math.max(rows.length - 1, 0));
  const last = Math.min(rows.length, printing ? PRINTED : first + Math.ceil(size.rows / ROW) + 8);
  const children = rows.slice(first, last).map((i, k) => {
    const tr = $(`row${i}`) ?? rowOf(i);
    tr.className = current.has(i) ? "current" : "";
    tr.setAttribute("aria-selected", picked.has(i));
    tr.setAttribute("aria-rowindex", first + k + 2);
    return tr;
  });
  if (first) children.unshift(filler("above", first));
  if (last < rows.length && !printing) children.push(filler("below", rows.length - last));
  putInto($("body"), children);
  if (rowsGoTo !== null) rowsBox.scrollTop = rowsTop;
  rowsGoTo = null;
  $("printed").hidden = !printing || last === rows.length;
  $("printed").textContent = `The first ${plural(last, "row")} of ${rows.length.toLocaleString("en")}.`;
  table.setAttribute("aria-multiselectable", editing());
  if (rows.includes(chosen) && $(`row${chosen}`)) table.setAttribute("aria-activedescendant", `row${chosen}`);
  else table.removeAttribute("aria-activedescendant");
}

function choose(i) {
  selection = i < 0 ? [] : [i];
  chosen = i;
  const place = rows.indexOf(i), top = place * ROW, room = size.rows - size.head - ROW;
  const at = rowsGoTo ?? rowsTop, to = place < 0 ? at : within(at, top - room, top);
  if (to !== at) rowsGoTo = to;
  draw({ lanes: true, table: true });
}

/** All from one to the other as the table has them, without truth. */
function rowsBetween(a, b) {
  const [low, high] = [rows.indexOf(a), rows.indexOf(b)].sort((x, y) => x - y);
  return rows.slice(low, high + 1).filter((i) => !isTrue(i));
}

let goneTo = -1; // to which the playhead was brought last

function goTo(i) {
  choose(i);
  goneTo = i;
  seek(segments.start[i]);
  reveal(now);
}

for (const [key, name] of COLUMNS) {
  const button = make("button", { type: "button" }, name);
  button.addEventListener("click", () => {
    state.down = state.key === key ? !state.down : key === "score" || key === "length";
    state.key = key;
    rowsBox.scrollTop = 0;
    sort();
  });
  const kind = ["label", "note", "by"].includes(key) ? key : ["end", "length"].includes(key) ? `number ${key}` : "number";
  $("columns").append(make("th", { scope: "col", class: kind, "data-key": key }, button));
}
rowsBox.addEventListener("scroll", () => { rowsTop = rowsBox.scrollTop; draw({ table: true }); }, { passive: true });
$("body").addEventListener("click", (event) => {
  const tr = event.target.closest("tr[data-segment]");
  if (!tr) return;
  const i = Number(tr.dataset.segment);
  if (!editing() || isTrue(i)) goTo(i);
  else if (event.shiftKey && rows.includes(chosen)) select([chosen, ...rowsBetween(chosen, i)]);
  else if (event.ctrlKey || event.metaKey) alsoSelect(i);
  else goTo(i);
});
table.addEventListener("keydown", (event) => {
  if (event.target !== table || !rows.length) return;
  const place = rows.indexOf(chosen), page = Math.max(1, Math.floor(size.rows / ROW) - 2);
  const ways = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  const to = event.key in ways ? place + ways[event.key] : undefined;
  if (to !== undefined) choose(rows[within(to, 0, rows.length - 1)]);
  else if (event.key === "Enter" && place >= 0 && !(editing() && goneTo === chosen)) goTo(chosen); // where it is, it is kept
  else return;
  event.preventDefault();
});
