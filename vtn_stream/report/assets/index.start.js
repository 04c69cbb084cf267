/* Totals, buttons, keys, paper; and the start. */

function drawTotals() {
  const good = films.filter((film) => film.reason === undefined);
  const sum = (key) => good.reduce((total, film) => total + film[key], 0);
  const failed = films.length - good.length;
  const incomplete = good.filter((film) => !film.complete).length;
  const done = good.filter((film) => film.progress?.state === "done").length;
  const todo = isReviewed ? good.length - done : 0;
  const facts = [["Films", count(good.length)], ["Time", lasts(sum("duration"))]];
  facts.push(["Segments", count(sum("segments"))]);
  if (labels.length || !scenes.length) facts.push(["Labels", count(labels.length)]);
  const ofFilms = (film) => film.sums.filter(({ label }) => label.among).length;
  if (scenes.length) facts.push(["Scenes", count(good.reduce((total, film) => total + ofFilms(film), 0))]);
  if (isReviewed) facts.push(["Done", `${count(done)} of ${count(good.length)}`]);
  if (sum("gaps")) facts.push(["Unknown", lasts(sum("gaps"))]);
  if (incomplete) facts.push(["Incomplete", count(incomplete)]);
  if (failed) facts.push(["Not read", count(failed)]);
  $("totals").append(...facts.map(([what, value]) => element("div", {}, element("dt", {}, what), element("dd", {}, value))));
  const some = [["todo", todo, "to do"], ["incomplete", incomplete, "incomplete"], ["failed", failed, "not read"]];
  for (const [what, number, text] of some) {
    const button = $(`only-${what}`);
    button.hidden = number === 0;
    button.textContent = `${count(number)} ${text}`;
    button.addEventListener("click", () => {
      only[what] = !only[what];
      button.setAttribute("aria-pressed", only[what]);
      update();
    });
  }
}

function clear() {
  chosen.clear();
  only.todo = only.incomplete = only.failed = false;
  ["only-todo", "only-incomplete", "only-failed"].forEach((id) => $(id).setAttribute("aria-pressed", "false"));
  $("search").value = "";
  drawLabels();
  update();
  $("search").focus();
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && $("single-keys").checked && event.target.type !== "search") {
    event.preventDefault();
    $("search").focus();
  } else if (event.key === "ArrowDown" && event.target === $("search") && shown.length) {
    event.preventDefault();
    go(active);
  } else if (event.key === "Escape") hideTip();
  const row = event.target.closest("#rows .row");
  if (!row) return;
  const page = Math.max(1, Math.floor(innerHeight / rowHeight) - 3);
  const rows = { ArrowDown: row.place + 1, ArrowUp: row.place - 1, PageDown: row.place + page, PageUp: row.place - page };
  const place = { ...rows, Home: 0, End: shown.length - 1 }[event.key];
  if (place !== undefined) go(place);
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft") walk(row, event.key === "ArrowRight" ? 1 : -1);
  else return;
  event.preventDefault();
}

function focused(event) {
  const row = event.target.closest("#rows .row");
  if (!row || !row.name.contains(event.target)) return;
  active = row.place;
  walked = -1;
  live.forEach(reachable);
}

function left(event) {
  const row = event.target.closest("#rows .row");
  if (!row) return;
  if (row.film.page) row.name.href = row.film.page;
  hideTip();
}

function onPaper(now) {
  printing = now;
  document.body.classList.toggle("printing", now);
  redraw();
}

document.getElementById("title").textContent = data.title;
drawTotals();
document.body.classList.toggle("with-review", isReviewed);
$("reviewed").hidden = !isReviewed;
$("scenes").hidden = !scenes.length;
if (!Object.keys(data.pictures).length) $("scenes").append(" Their pictures are on each film's own page.");
$("find-label").hidden = listed.length <= 20;
$("find-label").addEventListener("input", drawLabels);
$("search").addEventListener("input", update);
$("clear").addEventListener("click", clear);
$("common").addEventListener("click", () => {
  commonScale = !commonScale;
  $("common").setAttribute("aria-pressed", commonScale);
  update();
});
sortable(document.querySelector(".labels"), "labels", drawLabels);
sortable($("films"), "films", update);
document.addEventListener("keydown", key);
$("rows").addEventListener("focusin", focused);
$("rows").addEventListener("focusout", left);
document.addEventListener("pointermove", point);
document.addEventListener("pointerdown", point);
let waiting = false;
document.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    hideTip();
    render();
  });
}, { passive: true });
addEventListener("resize", redraw);
new ResizeObserver(([{ target }]) => $("films").style.setProperty("--bar", `${target.offsetHeight - 1}px`)).observe($("bar"));
addEventListener("beforeprint", () => onPaper(true));
addEventListener("afterprint", () => onPaper(false));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  inks.clear();
  drawLabels();
  redraw();
});
drawLabels();
update();
