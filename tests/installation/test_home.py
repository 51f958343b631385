"""A home on odd folders: whole files or none, nothing overwritten, no name that breaks a unit."""

import resource
import shlex
from pathlib import Path

import pytest

from shocpp.errors import UsageError
from shocpp.installation.home import make_home
from tests.world.home import Home


@pytest.mark.parametrize(
    "name",
    ['q"uote', "q'uote", "back\\slash", "do$HOME", "tab\tx", "x\nExecStartPre=/bin/true", "\udcff"],
)
def test_a_name_that_a_unit_reads_otherwise_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a home"):
        make_home(tmp_path / name, {})
    assert list(tmp_path.iterdir()) == []


def test_an_empty_name_is_not_the_current_folder(tmp_path: Path, home: Home) -> None:
    done = home.run("shocpp", "home", "", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the name of the folder is empty" in done.stderr
    assert not (tmp_path / "wsgi.ini").exists()


def test_the_command_that_makes_a_missing_home_can_be_copied(tmp_path: Path, home: Home) -> None:
    folder = tmp_path / "my home"
    refused = home.run("shocpp", "check", env={"SHOCPP_HOME": str(folder)})
    assert refused.returncode == 78
    remedy = refused.stderr.strip().partition("make it with: ")[2]
    assert home.run(*shlex.split(remedy)).returncode == 0
    (folder / "cgi-bin" / "caller.py").write_text("")
    checked = home.run("shocpp", "check", env={"SHOCPP_HOME": str(folder)})
    assert f"write it again with: {remedy}\n" in checked.stdout


def test_a_full_disk_leaves_no_part_of_a_file(tmp_path: Path, home: Home) -> None:
    """Nothing would ever overwrite it."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    folder = tmp_path / "new home"
    # Else the interpreter would write parts of compiled modules.
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    done = home.run("shocpp", "home", str(folder), env=env, preexec_fn=limit)
    assert done.returncode == 78
    assert done.stderr.startswith(f"the home {folder} cannot be made: ")
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    done = home.run("shocpp", "home", str(folder))
    assert done.returncode == 0, done.stderr
    assert f"start it with: SHOCPP_HOME='{folder}' shocpp-listener" in done.stdout
    assert all(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert not list(folder.rglob(".*"))


def test_links_are_neither_followed_nor_replaced(tmp_path: Path) -> None:
    folder, target = tmp_path / "home", tmp_path / "target"
    (folder / "conf").mkdir(parents=True)
    (folder / "wsgi.ini").symlink_to(target)
    written = make_home(folder, {})
    assert "wsgi.ini" not in written
    assert (folder / "wsgi.ini").is_symlink()
    assert not target.exists()
    assert make_home(folder, {}) == []
