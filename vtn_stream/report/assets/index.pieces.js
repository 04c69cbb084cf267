/* A piece of a strip: under the pointer, or reached by the arrow keys. */

function pieceAt(row, x) {
  const distance = ({ start, end }) => Math.max(start * row.perUnit - x, x - end * row.perUnit);
  for (const [layer, near] of [[2, 3], [1, 2], [0, 0]]) {
    const best = row.pieces[layer].reduce((a, b) => (a && distance(a) <= distance(b) ? a : b), null);
    if (best && distance(best) <= near) return best;
  }
  return null;
}

function moment({ start, end }) {
  return start === end ? clock(start, true) : `${clock(start, true)} to ${clock(end, true)}`;
}

function reached(row, piece) {
  const seconds = piece.start / UNIT;
  if (row.film.page) row.link.href = piece.label ? `${row.film.page}#t=${seconds}` : row.film.page;
}

function showTip(piece, x, y) {
  const what = piece.label ? element("bdi", {}, piece.label.name) : "nothing is known";
  const picture = piece.picture ? [element("img", { src: `data:image/jpeg;base64,${piece.picture}`, width: 80, alt: "" })] : [];
  $("tip").replaceChildren(...picture, swatch(piece.label), element("span", { class: "cut" }, what), element("span", { class: "faint" }, moment(piece)));
  $("tip").hidden = false;
  const { width, height } = $("tip").getBoundingClientRect();
  $("tip").style.left = `${Math.max(4, Math.min(x - width / 2, document.documentElement.clientWidth - width - 4))}px`;
  $("tip").style.top = `${y - height - 6 < 0 ? y + 34 : y - height - 6}px`;
}

function hideTip() {
  $("tip").hidden = true;
}

function point(event) {
  const row = event.target.closest?.("canvas[role=img]")?.closest(".row");
  if (!row?.pieces) return hideTip();
  const { left, top } = row.canvas.getBoundingClientRect();
  const piece = pieceAt(row, event.clientX - left);
  if (row.film.page) row.link.href = row.film.page;
  if (!piece) return hideTip();
  reached(row, piece);
  return showTip(piece, event.clientX, top);
}

function walk(row, step) {
  const pieces = row.pieces ? [...row.pieces[1], ...row.pieces[2]].sort((a, b) => a.start - b.start) : [];
  if (!pieces.length) return;
  walked = Math.max(0, Math.min(pieces.length - 1, walked + step));
  const piece = pieces[walked];
  if (row.film.page) row.name.href = `${row.film.page}#t=${piece.start / UNIT}`;
  const { left, top } = row.canvas.getBoundingClientRect();
  showTip(piece, left + ((piece.start + piece.end) / 2) * row.perUnit, top);
  $("said").textContent = `${piece.label.name}, ${moment(piece)}, ${walked + 1} of ${pieces.length}`;
}

function go(place) {
  active = Math.max(0, Math.min(shown.length - 1, place));
  const under = document.querySelector(".head").getBoundingClientRect().bottom;
  const top = $("rows").getBoundingClientRect().top + active * rowHeight;
  if (top < under) scrollBy(0, top - under);
  else if (top + rowHeight > innerHeight) scrollBy(0, top + rowHeight - innerHeight);
  render();
  live.forEach(reachable);
  live.get(active).name.focus({ preventScroll: true });
}
