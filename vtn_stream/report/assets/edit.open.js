/* Opens the timeline's file that was saved from this page, which the page itself, made before, does not show. */

/** What a file says of this film, checked; its attributes as pairs, as everywhere in the page. */
function saidInFile(text) {
  const file = Object(JSON.parse(text));
  if (file.schema !== data.rest.schema || file.version !== data.rest.version) wrong("it is no timeline of this version");
  if (Object(file.video).identity !== data.rest.video.identity) wrong("it is of another film");
  const paired = (each) => {
    const { attributes, was, ...rest } = Object(each);
    if (attributes !== undefined) rest.attributes = Object.entries(Object(attributes));
    if (was !== undefined) rest.was = paired(was);
    return rest;
  };
  const [found, refused] = [file.segments, file.rejected].map((list) => checkedList(list, paired));
  return checkedSaid({ segments: found, reviewed: file.reviewed, rejected: refused });
}

/** Shows what the file says, as one change. head: of the note that says what was saved. */
async function openFile(file, { head }) {
  try {
    if (file.size > MOST_TEXT) wrong("it is too large");
    const found = saidInFile(await file.text());
    commit(replacement("open", found));
    const isSaved = digestOfSaid(found) === head.said;
    if (isSaved) saved = { top: history.done.at(-1), name: head.saved, isSure: true, said: head.said };
    line("opened", ["Shown is what ", stranger(file.name), isSaved ? " says." : " says. It is not what you saved from here last."]);
    dropNotes();
    keepDraft();
  } catch (error) {
    line("opened", [stranger(file.name), ` is not opened: ${error.message}.`]);
  }
}

function chooseFile(then) {
  const input = make("input", { type: "file", accept: ".json" });
  input.addEventListener("change", () => { if (input.files[0]) then(input.files[0]); });
  input.click();
}
