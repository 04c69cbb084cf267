/* The list of differences: each row leads to its moment. */

let rows = []; // the differences that are listed, in the list's order
let chosen = -1; // the row that was gone to

function fillList() {
  const label = $("label").value, byTime = $("order").value === "time";
  rows = film.differing.filter(([, , a, b]) => label === "" || a.includes(Number(label)) || b.includes(Number(label)));
  if (byTime) rows = [...rows].sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  chosen = -1;
  $("rows").replaceChildren(...rows.map(row));
  $("none").hidden = rows.length > 0;
  const left = film.all - film.differing.length;
  const more = left ? `; the longest ${film.differing.length.toLocaleString("en")} of ${film.all.toLocaleString("en")}` : "";
  $("count").textContent = `${plural(rows.length, "difference")}${more}`;
}

function row([start, end, a, b], i) {
  const go = make("button", { type: "button", class: "quiet" }, clock(start, 2));
  go.addEventListener("click", () => goTo(i));
  const length = end > start ? ((end - start) / 1000).toFixed(2) : "moment";
  return make("tr", {}, make("td", {}, go), make("td", { class: "number" }, length), make("td", {}, ...names(a)), make("td", {}, ...names(b)));
}

/** Shows a difference: the playhead at its start, some time around it in the lanes. */
function goTo(i) {
  const [start, end, a, b] = rows[i], around = Math.max(5000, 2 * (end - start));
  $("rows").children[chosen]?.classList.remove("current");
  chosen = i;
  const tr = $("rows").children[i];
  tr.classList.add("current");
  tr.scrollIntoView({ block: "nearest" });
  const lane = film.lanes.indexOf(a.concat(b)[0]), stage = $("stage");
  if (lane >= 0) stage.scrollTop = RULER + lane * LANE - stage.clientHeight / 2;
  show(start - around, end + around);
  seek(start);
}

function step(way) {
  if (rows.length) goTo(chosen < 0 ? (way > 0 ? 0 : rows.length - 1) : within(chosen + way, 0, rows.length - 1));
}

function fillLabels() {
  const those = new Set(film.differing.flatMap(([, , a, b]) => [...a, ...b]));
  const options = film.lanes.filter((label) => those.has(label)).map((label) => make("option", { value: label }, nameOf(label)));
  $("label").replaceChildren(make("option", { value: "" }, "all"), ...options);
}

$("label").addEventListener("change", fillList);
$("order").addEventListener("change", fillList);
$("next").addEventListener("click", () => step(1));
$("previous").addEventListener("click", () => step(-1));
