/* The moments as cards, each a link to its film's page at that moment. Texts of strangers enter as text nodes only. */

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const plural = (num, word) => `${num.toLocaleString("en")} ${word}${num === 1 ? "" : "s"}`;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function clock(ms) {
  const tenths = Math.round(ms / 100), s = Math.floor(tenths / 10), pad = (value) => String(value).padStart(2, "0");
  return `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}.${tenths % 10}`;
}

function card([film, page, start, end, why, reason, doubt, picture]) {
  const shown = picture ? make("img", { class: "picture", alt: "", src: picture }) : make("span", { class: "picture" });
  const name = make("bdi", { class: "film cut", title: film }, film);
  const when = make("span", { class: "faint" }, `${clock(start)} to ${clock(end)}, doubt ${doubt.toFixed(2)}`);
  const says = make("span", { class: "reason", "data-why": why }, make("bdi", {}, reason));
  return make("li", {}, make("a", { href: `${page}#t=${start / 1000}` }, shown, name, when, says));
}

const numFilms = new Set(data.moments.map(([, page]) => page)).size;
$("summary").append(`${plural(data.moments.length, "moment")} in ${plural(numFilms, "film")} of ${data.films.toLocaleString("en")}, by the model `, make("bdi", {}, data.model));
$("moments").append(...data.moments.map(card));
$("unknown").append(...data.unknown.map(([film, page]) => make("li", {}, make("a", { href: page }, make("bdi", {}, film)))));
$("unknown-part").hidden = !data.unknown.length;
