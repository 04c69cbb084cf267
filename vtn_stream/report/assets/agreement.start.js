/* Fills the page, and the keys. */

const pairs = (list) => list.flatMap(([name, value]) => [make("dt", {}, stranger(name)), make("dd", {}, stranger(value))]);

function showFilm(i) {
  film = data.films[i];
  now = 0;
  $("position").max = film.duration;
  $("length").textContent = `of ${clock(film.duration)}`;
  $("of-film").replaceChildren(...pairs(film.figures));
  fillHeads();
  fillLabels();
  fillList();
  show(0, film.duration);
  openFilm();
  moved();
}

const KEYS = {
  n: () => step(1),
  p: () => step(-1),
  " ": playOrPause,
  "+": () => zoom(2),
  "=": () => zoom(2),
  "-": () => zoom(0.5),
  0: () => show(0, film.duration),
};
addEventListener("keydown", (event) => {
  const busy = event.target.closest?.("select, input") || (event.key === " " && event.target.closest?.("button"));
  if (busy || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

$("who").append("A: ", stranger(data.a), ", B: ", stranger(data.b));
$("films").append(...data.films.map(({ name, all }, i) => make("option", { value: i }, `${name} (${plural(all, "difference")})`)));
$("films-label").hidden = data.films.length < 2;
$("of-all-part").hidden = data.films.length < 2;
$("of-all").append(...pairs(data.figures));
$("notes").append(...data.notes.map((note) => make("li", {}, stranger(note))));
$("films").addEventListener("change", () => showFilm(Number($("films").value)));
$("closer").addEventListener("click", () => zoom(2));
$("farther").addEventListener("click", () => zoom(0.5));
$("earlier").addEventListener("click", () => move(-0.5));
$("later").addEventListener("click", () => move(0.5));
$("whole").addEventListener("click", () => show(0, film.duration));
showFilm(0);
