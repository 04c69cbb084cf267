/* Which films are shown, and in which order: the search, the chosen labels, the buttons above the films. */

const chosen = new Set();
const order = { labels: { key: "total", down: true }, films: { key: null, down: false } };
const only = { todo: false, incomplete: false, failed: false };
const collator = new Intl.Collator("en", { numeric: true });
let commonScale = false;
let shown = films;

function chosenSegments(film) {
  if (chosen.size === 0) return film.segments;
  return film.sums.reduce((sum, one) => sum + (chosen.has(among(one.label)) ? one.segments : 0), 0);
}

function sorted(items, { key, down }, value) {
  if (key === null) return items;
  const compare = key === "name" ? (a, b) => collator.compare(a.name, b.name) : (a, b) => value(a) - value(b);
  return items.toSorted((a, b) => (down ? compare(b, a) : compare(a, b)));
}

function update() {
  const words = fold($("search").value).split(/\s+/).filter(Boolean)
    .map((word) => ({ word, labels: new Set(listed.filter((label) => label.folded.includes(word))) }));
  const fits = (film) =>
    (!only.todo || (film.progress && film.progress.state !== "done")) && (!only.incomplete || film.complete === 0) && (!only.failed || film.reason !== undefined)
    && [...chosen].every((label) => film.sums.some((one) => among(one.label) === label))
    && words.every(({ word, labels: found }) => film.folded.includes(word) || film.sums.some((one) => found.has(among(one.label))));
  const by = { segments: chosenSegments, reviewed: howFar }[order.films.key] ?? ((film) => film.duration);
  shown = sorted(films.filter(fits), order.films, by);
  $("count").textContent = shown.length === films.length ? many(films.length, "film")
    : `${count(shown.length)} of ${many(films.length, "film")}`;
  $("clear").hidden = shown.length === films.length && chosen.size === 0 && words.length === 0;
  $("nothing").hidden = shown.length > 0;
  $("nothing").textContent = films.length ? "No film fits." : "There are no films here.";
  $("films").setAttribute("aria-rowcount", shown.length + 1);
  $("scale").textContent = commonScale ? `0 to ${lasts(longest)}` : "each on its own scale";
  $("print-note").textContent = shown.length > MAX_PRINTED ? `The first ${MAX_PRINTED} of ${many(shown.length, "film")}.` : "";
  active = Math.max(0, Math.min(active, shown.length - 1));
  hideTip();
  redraw();
}
