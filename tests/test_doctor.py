"""The doctor tries what can be tried, and its report can be shown to anybody."""

import getpass
import importlib.metadata
import platform

import pytest
from click.testing import CliRunner

from vtn_stream import doctor
from vtn_stream.doctor import examine
from vtn_stream_cli.main import vtn_stream


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    return list(examine(tmp_path_factory.mktemp("store")))


def of(findings, subject):
    return [finding for finding in findings if finding.subject == subject]


def test_a_sound_installation_has_nothing_bad(findings):
    assert [finding for finding in findings if finding.state == "bad"] == []


def test_it_decodes_a_film_and_embeds_a_frame(findings):
    assert "50 frames was written, probed and decoded" in of(findings, "decoding")[0].text
    assert "a frame was embedded on" in of(findings, "weights")[0].text


def test_it_names_the_versions(findings):
    for package in ("torch", "timm", "av", "pyarrow"):
        assert of(findings, package)[0].text == importlib.metadata.version(package)


def test_the_report_holds_no_path_no_user_and_no_host(tmp_path):
    place = tmp_path / "secret"
    result = CliRunner().invoke(vtn_stream, ["doctor", "--store", str(place)], standalone_mode=False)
    assert result.return_value == 0
    assert "everything works" in result.output
    words = result.output.replace(",", " ").replace(";", " ").split()
    for private in (str(tmp_path), "secret", platform.node(), getpass.getuser()):
        assert not any(private == word or private + "/" in word for word in words), private
    assert "/" not in result.output.replace("http://", "")


def test_a_store_that_cannot_be_written_is_bad(tmp_path):
    place = tmp_path / "file"
    place.write_text("not a folder")
    (finding,) = doctor._storing(place)
    assert finding.state == "bad"
    assert str(tmp_path) not in finding.text


def test_a_missing_package_is_told_and_is_bad_only_where_it_is_needed(monkeypatch):
    def missing(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    states = {finding.subject: finding.state for finding in doctor._versions()}
    assert (states["torch"], states["decord"], states["ray"]) == ("bad", "notable", "notable")


def test_a_bad_finding_makes_the_command_fail(tmp_path):
    place = tmp_path / "file"
    place.write_text("not a folder")
    result = CliRunner().invoke(vtn_stream, ["doctor", "--store", str(place)], standalone_mode=False)
    assert result.return_value == 1
    assert "until what is BAD is fixed" in result.output
