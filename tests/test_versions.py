"""Which films a file was."""

from vtn_stream.store.versions import MAX_VERSIONS, read_versions, write_version

ODD = "/films/caf\udce9 \u202e.mp4"


def test_a_file_has_had_the_identities_that_were_written_for_it(tmp_path):
    assert read_versions(tmp_path, ODD) == ()
    for identity in ("a", "b", "b", "a"):
        write_version(tmp_path, ODD, identity)
    assert read_versions(tmp_path, ODD) == ("b", "a")
    assert read_versions(tmp_path, "/films/another.mp4") == ()


def test_no_path_is_written_and_the_list_is_short(tmp_path):
    for number in range(MAX_VERSIONS + 5):
        write_version(tmp_path, "/secret/film.mp4", str(number))
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert b"secret" not in file.read_bytes()
    assert read_versions(tmp_path, "/secret/film.mp4")[0] == "5"
    assert len(read_versions(tmp_path, "/secret/film.mp4")) == MAX_VERSIONS


def test_a_damaged_file_says_nothing_and_is_written_again(tmp_path):
    write_version(tmp_path, "/film.mp4", "a")
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(file.read_bytes()[:-9])
    assert read_versions(tmp_path, "/film.mp4") == ()
    write_version(tmp_path, "/film.mp4", "b")
    assert read_versions(tmp_path, "/film.mp4") == ("b",)
