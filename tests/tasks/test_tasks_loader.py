"""Tasks: found by id or path, checked field by field, hashed the same everywhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cab_check.base.errors import OutputError, UnknownName, UsageError
from cab_check.tasks.digest import content_hash
from cab_check.tasks.export import export
from cab_check.tasks.loader import DEFAULT, bundled, load
from cab_check.tasks.task import Task

RUST = "polyglot/rust-error-handling"


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def copy_of(task_id: str, into: Path) -> Path:
    """A folder of one's own, as somebody would give it to --task."""
    return Path(shutil.copytree(load(task_id).folder, into / "mine"))


def test_the_default_task_comes_first_and_needs_nothing_but_python() -> None:
    assert bundled()[0].id == DEFAULT
    assert bundled()[0].toolchains == ("python",)


def test_the_rust_task_is_the_one_of_the_cell_page_and_says_that_it_is_rebuilt() -> None:
    task = load(RUST)
    assert task.instruction == "Function uses unwrap on user input; replace with proper Result propagation"
    assert [test.removeprefix("tests::") for test in task.expected_tests] == [
        "happy_path",
        "bad_input_reports_index_and_value",
        "bad_input_does_not_panic",
        "empty",
        "negative_numbers",
    ]
    assert task.origin == "reconstructed"
    assert "not comparable" in task.origin_note


@pytest.mark.parametrize("task", bundled(), ids=lambda task: task.id)
def test_a_bundled_task_is_whole(task: Task) -> None:
    assert task.solution().keys() <= task.start_files().keys()
    assert task.solution().items().isdisjoint(task.start_files().items())
    assert task.canary_test not in task.expected_tests
    assert task.verifier_timeout_s > 0
    assert task.id in (task.folder / "README.md").read_text()


@pytest.mark.parametrize("task", bundled(), ids=lambda task: task.id)
def test_neither_answers_nor_solution_are_among_what_the_model_starts_from(task: Task) -> None:
    start = b"\n".join(task.start_files().values()).decode()
    assert not any(name.startswith(("tests/", "solution/", ".git")) for name in task.start_files())
    assert not any(test.rpartition("::")[2] in start for test in task.expected_tests if "_" in test)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("rust-error-handling", RUST), ("polyglot/python-error-handlin", DEFAULT), ("POLYGLOT/RUST-ERROR-HANDLING", RUST)],
)
def test_an_unknown_id_gets_the_nearest_name_and_the_list(typed: str, meant: str) -> None:
    with pytest.raises(UnknownName) as caught:
        load(typed)
    assert f"Did you mean {meant}" in caught.value.message
    assert all(task.id in caught.value.next_step for task in bundled())


def test_a_missing_folder_is_called_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no task folder"):
        load(str(tmp_path / "nowhere"))


def test_a_folder_that_is_no_task_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no task\.toml"):
        load(str(tmp_path))


def test_a_copy_of_a_bundled_task_is_the_same_task(tmp_path: Path) -> None:
    copy = load(str(copy_of(RUST, tmp_path)))
    assert copy.content_hash == load(RUST).content_hash
    assert copy.folder != load(RUST).folder


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('origin = "reconstructed"', 'origin = "stolen"', "metadata.cab.origin"),
        ('allowed_paths = ["src/**/*.rs"]', "allowed_paths = []", "metadata.cab.allowed_paths"),
        ('toolchains = ["cargo"]', 'toolchains = "cargo"', "metadata.cab.toolchains"),
        ('toolchains = ["cargo"]', "toolchains = [1]", "metadata.cab.toolchains"),
        ('canary = "tests::canary"', "", "metadata.cab.canary"),
        ('refusal = "none"', 'refusal = "expected"', "metadata.cab.refusal"),
        ("timeout_sec = 180.0", "timeout_sec = 0", "verifier.timeout_sec"),
        ("timeout_sec = 180.0", "timeout_sec = true", "verifier.timeout_sec"),
        ("tests_integrity = false", "tests_integrity = 0", "metadata.cab.tests_integrity"),
        ('category = "polyglot"', "", "metadata.category"),
    ],
)
def test_a_wrong_field_is_named_with_its_file(tmp_path: Path, old: str, new: str, field: str) -> None:
    manifest = copy_of(RUST, tmp_path) / "task.toml"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))
    with pytest.raises(UsageError) as caught:
        load(str(manifest.parent))
    assert str(manifest) in caught.value.message
    assert field in caught.value.message


@pytest.mark.parametrize("text", ["only-an-id\n", "a\tone\na\ttwo\n", "\tanswer\n", "", "a\tone\n\nb\ttwo\n"])
def test_damaged_answers_are_refused(tmp_path: Path, text: str) -> None:
    folder = copy_of(DEFAULT, tmp_path)
    (folder / "tests" / "answers.tsv").write_text(text)
    with pytest.raises(UsageError, match=r"answers\.tsv:\d"):
        load(str(folder))


def test_broken_toml_and_an_empty_instruction_are_sentences(tmp_path: Path) -> None:
    folder = copy_of(DEFAULT, tmp_path)
    (folder / "instruction.md").write_text(" \n")
    with pytest.raises(UsageError, match=r"instruction\.md says nothing"):
        load(str(folder))
    (folder / "task.toml").write_text("[[[")
    with pytest.raises(UsageError, match=r"task\.toml: cannot be read as TOML"):
        load(str(folder))


def test_a_link_in_a_task_folder_is_refused(tmp_path: Path) -> None:
    folder = copy_of(DEFAULT, tmp_path)
    (folder / "environment" / "app" / "secret").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="ordinary files only"):
        load(str(folder))


def test_a_harbor_task_of_somebody_else_loads_and_its_gaps_are_named(tmp_path: Path) -> None:
    folder = copy_of(DEFAULT, tmp_path)
    (folder / "task.toml").write_text("")
    (folder / "instruction.md").write_text("<!-- canary 123 -->\n\nMend it.\n")
    task = load(str(folder))
    assert (task.origin, task.instruction, task.expected_tests) == ("foreign", "Mend it.", ())
    assert any("reward file" in gap for gap in task.gaps)
    assert load(DEFAULT).gaps == ()


def test_the_hash_changes_with_a_name_a_byte_and_the_executable_bit_only(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b").write_text("text")
    first = content_hash(folder)
    (folder / "a" / "b").chmod(0o600)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("made by Python")
    assert content_hash(folder) == first
    (folder / "a" / "b").chmod(0o700)
    executable = content_hash(folder)
    (folder / "a" / "b").write_text("texT")
    changed = content_hash(folder)
    (folder / "a" / "b").rename(folder / "a" / "c")
    assert len({first, executable, changed, content_hash(folder)}) == 4


def test_export_writes_whole_tasks_that_load_again_with_the_digest_that_stands_beside_them(tmp_path: Path) -> None:
    written = export(tmp_path / "out")
    digests = (tmp_path / "out" / "digests.txt").read_text().splitlines()
    for task, folder in zip(bundled(), written, strict=True):
        assert names(folder) == {name for name in names(task.folder) if "__pycache__" not in name}
        assert f"{load(str(folder)).content_hash}  {folder.name}" in digests


def test_export_does_not_write_over_what_is_there(tmp_path: Path) -> None:
    export(tmp_path)
    with pytest.raises(OutputError, match="is there already"):
        export(tmp_path)


def test_export_to_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        export(tmp_path / "file" / "below")
