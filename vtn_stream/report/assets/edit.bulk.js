/* All segments of a label at once, by their scores: those that nobody reviewed yet. */

function openBulk() {
  const labels = [...new Set(scored(null).map((i) => segments.label[i]))].sort((a, b) => a - b);
  const options = labels.map((label) => make("option", { value: label }, labelName(label)));
  $("bulk-label").replaceChildren(make("option", { value: "" }, "every label"), ...options);
  countBulk();
  $("bulk").showModal();
}

const scored = (label) => ofModel(label).filter((i) => segments.score[i] !== null);

/** What is asked for, and the rows that it concerns. */
function asked_() {
  const text = $("bulk-label").value, label = text === "" ? null : Number(text), least = $("bulk-score").valueAsNumber;
  const all = scored(label), numBelow = all.filter((i) => segments.score[i] < least).length;
  const numAbove = Number.isNaN(least) ? 0 : all.length - numBelow;
  return { label, least, of: label === null ? "" : ` of ${labelName(label)}`, numBelow, numAbove };
}

function countBulk() {
  const { numBelow, numAbove } = asked_();
  $("bulk-reject").disabled = !numBelow;
  $("bulk-keep").disabled = !numAbove;
  const above = numAbove.toLocaleString("en"), below = plural(numBelow, "segment");
  $("bulk-count").textContent = `Of those not yet reviewed: ${below} below, ${above} at it or above.`;
}

function bulkReject() {
  const { label, least, of } = asked_();
  bulkDone(`rejected ${plural(rejectBelow(label, least), "segment")}${of} below ${least}`);
}

function bulkKeep() {
  const { label, least, of } = asked_();
  bulkDone(`kept ${plural(keepAbove(label, least), "segment")}${of} at ${least} or above`);
}

function bulkDone(told) {
  closeDialog("bulk");
  sayDone(told);
}

$("bulk-label").addEventListener("change", countBulk);
$("bulk-score").addEventListener("input", countBulk);
$("bulk-reject").addEventListener("click", bulkReject);
$("bulk-keep").addEventListener("click", bulkKeep);
