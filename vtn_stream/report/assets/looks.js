/* How a label that is new looks and is written: as colours.py and html.py do it for those that came with the page. */

const COLOURS = [
  "#F83868", "#109898", "#B84800", "#5050F8", "#C810B0", "#6860A8", "#4088D8", "#B83868",
  "#B08000", "#C07088", "#307830", "#A030D8", "#E048C8", "#985888", "#7870F8", "#109858",
];
const NUM_HATCHES = 8, NUM_LOOKS = COLOURS.length * NUM_HATCHES, MAX_TEXT = 2000;
const SERIES = /^([^]*?)(?:[ _-]*([0-9]{1,9})|[ _-]([A-Z]{1,2}))$/;

/** A is 1, Z 26, AA 27. */
const counted = (letters) => [...letters].reduce((number, letter) => 26 * number + letter.charCodeAt(0) - 64, 0);

/** The colour and the number of the hatch of a label. */
function lookOf(label) {
  const lowest = (text) => sha256(new TextEncoder().encode(text))[1] % NUM_LOOKS; // of its first eight bytes
  const [, stem, number, letters] = SERIES.exec(label.normalize("NFC")) ?? [];
  let place = stem === undefined ? lowest(label.normalize("NFC")) : stem === "scene" ? 0 : lowest(stem);
  if (stem !== undefined) place += (number ? Number(number) : counted(letters)) - 1;
  place = (place + NUM_LOOKS) % NUM_LOOKS;
  return [COLOURS[place % COLOURS.length], Math.floor(place / COLOURS.length)];
}

/** A stranger's text without characters that reorder or forge lines; cut where it is very long. */
function shownText(text) {
  const escaped = text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (letter) => {
    const plain = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[letter], code = letter.charCodeAt(0);
    return plain ?? (code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`);
  });
  if (!escaped.trim()) return "(empty)";
  const letters = escaped.length > MAX_TEXT ? [...escaped] : [], half = MAX_TEXT / 2;
  if (letters.length <= MAX_TEXT) return escaped;
  return `${letters.slice(0, half).join("")}…${letters.slice(half + 1 - MAX_TEXT).join("")}`;
}
