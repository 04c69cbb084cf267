/* The film and the playhead. Without a film all works but playing. */

const files = new Map(); // film -> the URL of the file that was chosen for it
const loaded = () => video.readyState > 0;

function seek(ms) {
  now = within(ms, 0, film.duration);
  if (loaded()) video.currentTime = (now + 1) / 1000; // a time leads into its frame, not to the one before
  moved();
}

function moved() {
  $("time").textContent = clock(now);
  $("position").value = now;
  $("position").setAttribute("aria-valuetext", clock(now));
  const at = (side) => names([...new Set(side.filter(([, start, end]) => start <= now && (now < end || now === start)).map(([label]) => label))]);
  $("now").replaceChildren("A: ", ...at(film.a), make("br"), "B: ", ...at(film.b));
  draw();
}

function tick() {
  if (!video.seeking) {
    now = video.currentTime * 1000;
    if (now > view.high || now < view.low) show(now, now + view.high - view.low);
    moved();
  }
  if (!video.paused && !video.ended) requestAnimationFrame(tick);
}

function playOrPause() {
  if (!loaded()) return tellMissing();
  if (video.paused) video.play().catch(() => {}); // a pause before it began
  else video.pause();
}

function openFilm() {
  const url = files.get(film) ?? film.url;
  $("missing").hidden = true;
  if (url) video.src = url;
  else {
    video.removeAttribute("src");
    video.load();
    tellMissing();
  }
}

function tellMissing() {
  const name = stranger(film.name);
  const words = film.url
    ? [name, " does not play: it is not where this page looks for it, or this browser does not know its format. Choose the film, or a copy of it as MP4 with H.264:"]
    : ["This page does not know where ", name, " lies. Choose it:"];
  $("missing-text").replaceChildren(...words);
  $("missing").hidden = false;
}

for (const kind of ["play", "pause", "ended"]) {
  video.addEventListener(kind, () => {
    $("play").textContent = video.paused || video.ended ? "Play" : "Pause";
    if (kind === "play") requestAnimationFrame(tick);
  });
}
video.addEventListener("loadedmetadata", () => {
  $("missing").hidden = true;
  if (now) seek(now);
});
video.addEventListener("error", tellMissing);
video.addEventListener("click", playOrPause);
$("play").addEventListener("click", playOrPause);
$("position").addEventListener("input", () => seek(Number($("position").value)));
$("picker").addEventListener("change", () => {
  const [file] = $("picker").files;
  if (!file) return;
  if (files.has(film)) URL.revokeObjectURL(files.get(film));
  files.set(film, URL.createObjectURL(file));
  $("picker").value = ""; // so that the same file can be chosen again
  openFilm();
});
