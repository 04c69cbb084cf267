/* What follows from all rows together: the line below the film's name, and the table of labels. */

const numberCell = (text) => make("td", { class: "number" }, text);
const totalTime = (numbers) => numbers.reduce((sum, i) => sum + segments.end[i] - segments.start[i], 0);
const labelColumns = ["Label", "Segments", "Total time", "Longest", "Mean score"];
if (data.truth) labelColumns.push("True segments", "True time");
$("labels-columns").append(...labelColumns.map((name, i) => make("th", { scope: "col", class: i ? "number" : "" }, name)));
$("labels-part").open = data.labels.length > 0 && data.labels.length <= 40;

function tellFilm() {
  const numFound = lanes.filter(({ found }) => found.length).length;
  const counted = [clock(length), plural(numStanding, "segment"), plural(numFound, "label")];
  if (data.truth) counted.push(plural(numTruth, "true segment"));
  $("summary").textContent = counted.join(" · ");
  $("labels-part").hidden = absent.size === data.labels.length;
  const instead = "The table of segments and the table of labels say the same."
    + (curveOf.size ? " Beside each label stands the value of its curve at the playhead." : "");
  stage.setAttribute("aria-label", `Lanes of ${plural(lanes.length - absent.size, "label")} over ${clock(length)}. ${instead}`);
}

const labelRows = [];

function addRowOf(label) {
  const name = make("span", { class: "named" }, ...signs(label, "large"), stranger(data.labels[label][0]));
  labelRows[label] = make("tr", {}, make("th", { scope: "row" }, name));
  $("labels-body").append(labelRows[label]);
  tellLabel(label);
}

function tellLabel(label) {
  const { found, truth } = lanes[label];
  const scored = found.map((i) => segments.score[i]).filter((score) => score !== null);
  const longest = found.reduce((most, i) => Math.max(most, segments.end[i] - segments.start[i]), 0);
  const mean = scored.length ? (scored.reduce((a, b) => a + b, 0) / scored.length).toFixed(3) : "";
  const cells = [found.length, clock(totalTime(found)), clock(longest), mean];
  if (data.truth) cells.push(truth.length, clock(totalTime(truth)));
  labelRows[label].replaceChildren(labelRows[label].firstChild, ...cells.map(numberCell));
  labelRows[label].hidden = absent.has(label);
}
