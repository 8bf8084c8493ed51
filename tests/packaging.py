#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is installed beside the programs: units, rules, manual pages, completions, packages.

packaging.py [--build DIR] [CASE...]. Installs into scratch folders only. Prints a line a case
and, last, "N passed, N failed[, N skipped]".
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGING = ROOT / "packaging"
EXPOSURE = {"va-hostd.service": 2.5, "va-guestd.service": 1.0}
PROGRAMS = {"va-host": "va-hostd", "va-guest": "va-guestd"}
BUILD = ROOT / "build"


class Skip(Exception):
    pass


def need(program):
    if not shutil.which(program):
        raise Skip(f"no {program} here")


def run(*argv, ok=True, **options):
    options.setdefault("cwd", ROOT)
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, **options)
    if ok and done.returncode:
        raise AssertionError(f"{' '.join(map(str, argv))}: {done.stdout}{done.stderr}".strip())
    return done


def make(*arguments):
    """The tree's make, untouched by what the outer one was told."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("MAKE") and k not in ("MFLAGS", "DESTDIR", "PREFIX", "V")}
    return run("make", f"BUILD={BUILD}", *arguments, env=env)


def scratch():
    return tempfile.TemporaryDirectory(prefix="va-packaging-")


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in pathlib.Path(folder).rglob("*")
                  if not p.is_dir())


# --- installing


def install_and_uninstall_leave_nothing():
    with scratch() as temporary:
        make("install", f"DESTDIR={temporary}", "PREFIX=/usr")
        there = files(temporary)
        assert "usr/sbin/va-hostd" in there and "usr/libexec/virt-aid/va-ddc" in there, there
        assert not [f for f in there if f.startswith(("var", "run"))], there
        for name in there:
            mode = (pathlib.Path(temporary) / name).stat().st_mode & 0o7777
            wanted = 0o755 if re.search(r"bin/|libexec/", name) else 0o644
            assert mode == wanted, f"{name} has mode {mode:o}"
        assert (pathlib.Path(temporary) / "etc/virt-aid/guests.d").is_dir()
        make("uninstall", f"DESTDIR={temporary}", "PREFIX=/usr")
        assert files(temporary) == [], files(temporary)
        left = [p for p in pathlib.Path(temporary).rglob("*virt-aid*")]
        assert not left, left


def a_changed_configuration_stays():
    with scratch() as temporary:
        conf = pathlib.Path(temporary) / "etc/virt-aid/host.conf"
        make("install", f"DESTDIR={temporary}")
        conf.write_text("[host]\nddc = no\n")
        make("install", f"DESTDIR={temporary}")
        assert conf.read_text() == "[host]\nddc = no\n", conf.read_text()
        done = make("uninstall", f"DESTDIR={temporary}")
        assert "kept" in done.stdout and files(temporary) == ["etc/virt-aid/host.conf"], \
            files(temporary)


def another_prefix_needs_another_build():
    with scratch() as temporary:
        try:
            make("install", f"DESTDIR={temporary}", "PREFIX=/opt/x")
        except AssertionError as why:
            assert "was built for another PREFIX" in str(why), why
        else:
            raise AssertionError("installed programs that look for their helpers elsewhere")


# --- units and rules


def units():
    """The units, one after the other, with the programs of the build folder."""
    with scratch() as temporary:
        make("install", f"DESTDIR={temporary}", "UNITDIR=/units", "SBINDIR=/usr/sbin")
        for unit in EXPOSURE:
            path = pathlib.Path(temporary) / "units" / unit
            text = path.read_text()
            assert "/usr/sbin/va-" in text and "@SBINDIR@" not in text, text
            path.write_text(text.replace("/usr/sbin/va-", f"{BUILD}/va-"))
            yield path


def exposure_is_low():
    need("systemd-analyze")
    for path in units():
        done = run("systemd-analyze", "security", "--offline=true", "--no-pager", path, ok=False)
        score = float(re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)[1])
        assert score <= EXPOSURE[path.name], f"{path.name}: {score}, above {EXPOSURE[path.name]}"
        print(f"     {path.name}: {score} (at most {EXPOSURE[path.name]})")


def units_are_understood():
    need("systemd-analyze")
    for path in units():
        done = run("systemd-analyze", "verify", "--man=no", path, ok=False)
        said = [line for line in (done.stdout + done.stderr).splitlines() if path.name in line]
        assert not said, "\n".join(said)


def users_and_folders():
    need("systemd-sysusers")
    need("systemd-tmpfiles")
    if os.getuid():
        raise Skip("needs root to make folders for others")
    for side, user in (("host", "virt-aid-link"), ("guest", "virt-aid")):
        with scratch() as temporary:
            root = pathlib.Path(temporary)
            (root / "etc").mkdir()
            for name in ("passwd", "group"):
                (root / "etc" / name).write_text("root:x:0:0:root:/root:/bin/sh\n"
                                                 if name == "passwd" else "root:x:0:\n")
            run("systemd-sysusers", f"--root={root}", PACKAGING / "sysusers/virt-aid-common.conf",
                PACKAGING / f"sysusers/virt-aid-{side}.conf")
            passwd, group = ((root / "etc" / n).read_text() for n in ("passwd", "group"))
            assert re.search(f"^{user}:", passwd, re.M), passwd
            assert re.search("^virt-aid:", group, re.M) and re.search("^i2c:", group, re.M), group
            run("systemd-tmpfiles", f"--root={root}", "--create",
                PACKAGING / f"tmpfiles/virt-aid-{side}.conf")
            state = (root / "var/lib/virt-aid").stat()
            uid = 0 if side == "host" else int(re.search("^virt-aid:x:([0-9]+)", passwd, re.M)[1])
            mode = 0o711 if side == "host" else 0o700
            assert (state.st_uid, state.st_mode & 0o7777) == (uid, mode), state
            assert (root / "run/virt-aid").stat().st_uid == uid


def udev_rules():
    need("udevadm")
    for path in sorted((PACKAGING / "udev").glob("*.rules")):
        for line in path.read_text().splitlines():
            if line.startswith("#") or not line:
                continue
            keys = re.findall(r'([A-Z]+)(?:\{[^}]+\})?(==|!=|\+=|=)"[^"]*"', line)
            assert line.count('"') == 2 * len(keys), f"{path.name}: {line}"
            assert all(op == "+=" for key, op in keys if key == "TAG"), line
        if "verify" in run("udevadm", "--help").stdout:
            run("udevadm", "verify", path)
    rule = (PACKAGING / "udev/65-virt-aid-guest.rules").read_text()
    assert 'ENV{SYSTEMD_WANTS}+="va-guestd.service"' in rule, "takes over what others start"


# --- configuration


def shipped_configuration_is_good():
    config = PACKAGING / "config"
    done = run(BUILD / "va-hostd", "--check", "--config", config)
    assert not done.stderr, done.stderr
    run(BUILD / "va-host", "policy", "check", config / "policy.d/50-default.policy")
    with scratch() as temporary:
        folder = pathlib.Path(temporary)
        shutil.copytree(config, folder / "c")
        for name in ("host.conf", "guest.conf"):  # and what it offers in comments
            path = folder / "c" / name
            path.write_text(re.sub(r"^;(?=[a-z\[])", "", path.read_text(), flags=re.M))
        run(BUILD / "va-hostd", "--check", "--config", folder / "c")
        (folder / "c/host.conf").write_text("[host]\nnonsense = 1\n")
        assert run(BUILD / "va-hostd", "--check", "--config", folder / "c",
                   ok=False).returncode == 1, "--check takes anything"


def shipped_guest_configuration_is_good():
    with scratch() as temporary:
        folder = pathlib.Path(temporary)
        conf = folder / "guest.conf"
        text = re.sub(r"^;(?=[a-z\[])", "", (PACKAGING / "config/guest.conf").read_text(), flags=re.M)
        policy = folder / "policy.d"
        shutil.copytree(PACKAGING / "config/guest-policy.d", policy)
        for broken in (False, True):
            if broken:
                (policy / "00-broken.policy").write_text("nonsense\n")
            conf.write_text(text + f"[paths]\npolicy = {policy}\n")
            with open(folder / "log", "w+") as log:
                agent = subprocess.Popen(
                    [BUILD / "va-guestd", "--config", conf, "--state", folder, "--run", folder,
                     "--port", f"unix:{folder}/port"], stdin=subprocess.DEVNULL, stderr=log)
                end = time.monotonic() + 10
                while not (folder / "guest.sock").exists() and agent.poll() is None:
                    assert time.monotonic() < end, "va-guestd does not listen"
                    time.sleep(0.02)
                agent.send_signal(signal.SIGTERM)
                status = agent.wait(10)
                log.seek(0)
                said = log.read()
            assert status == 0, said
            assert ("policy" in said) == broken, said
            (folder / "guest.sock").unlink(missing_ok=True)


# --- for people


def manual_pages():
    need("groff")
    pages = sorted((PACKAGING / "man").iterdir())
    names = {p.name for p in pages}
    assert len(pages) >= 11, names
    for page in pages:
        done = run("groff", "-mandoc", "-Tutf8", "-ww", "-rCHECKSTYLE=0", "-z", page)
        assert not done.stderr, f"{page.name}: {done.stderr}"
        text = page.read_text()
        assert text.startswith('.\\" SPDX'), page.name
        assert all(len(line) <= 100 for line in text.splitlines()), f"{page.name}: a long line"
        for name, section in re.findall(r"^\.Xr (\S+) (\d)", text, re.M):
            ours = name.startswith(("va-", "virt-aid"))
            assert not ours or f"{name}.{section}" in names, f"{page.name}: no {name}({section})"
        if shutil.which("man"):
            done = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page,
                       env=os.environ | {"LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"})
            assert not done.stderr, f"{page.name}: {done.stderr}"


def commands(program):
    """[("guest GUEST ddc get MONITOR", ["--dry-run"]), ...] of the program's own help."""
    text = run(BUILD / program, "--help").stdout
    found = []
    for line in re.findall(r"^  ([a-z][^\n]*)$", text, re.M):
        options = re.findall(r"\[(--?[a-z-]+)", line)
        found.append((re.sub(r" \[-.*", "", line).strip(), options))
    assert len(found) > 5, text
    return found


def manual_pages_know_all_commands_and_options():
    for program in PROGRAMS:
        page = (PACKAGING / f"man/{program}.1").read_text()
        plain = re.sub(r"\b(Ic|Ar|Op|Fl|Oo|Oc|,) ?", "", page)
        for line, options in commands(program):
            words = " ".join(w for w in re.sub(r"[\[\]]", "", line).split())
            assert re.search(r"^\.It .*" + re.escape(words.lower()).replace(r"\ n", r"\ n(umber)?"),
                             plain, re.M | re.I), f"{program}.1 has no \"{words}\""
            for option in options:
                assert f"Fl {option[1:]}" in page, f"{program}.1 has no {option}"
    for program in PROGRAMS.values():
        page = (PACKAGING / f"man/{program}.8").read_text()
        for option in re.findall(r"--[a-z-]+", run(BUILD / program, "--help").stdout):
            explained = re.search(rf"^\.It .*Fl {option[1:]}\b", page, re.M)
            assert explained or option in ("--help", "--version"), f"{program}.8 has no {option}"


def complete(program, *words):
    """What bash offers after these words, the last of which is being typed."""
    script = f"""
source {PACKAGING}/completions/{program}
{program}() {{
	case "$1" in
	list) echo '{{"type":"guest","name":"zorg"}}'; echo '{{"name":"deb.by","x":1,"type":"guest"}}' ;;
	monitors) echo '{{"type":"monitor","name":"desk","inputs":[]}}' ;;
	ddc) echo '{{"type":"display","key":"0123456789abcdef"}}' ;;
	pending) echo '{{"type":"question","id":7}}' ;;
	esac
}}
COMP_WORDS=({program} "$@")
COMP_CWORD=$#
_{program.replace('-', '_')}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = run("bash", "--norc", "-c", script, "-", *words)
    assert not done.stderr, done.stderr
    return set(done.stdout.split())


def completions():
    need("bash")
    for words, wanted in ((["sw"], {"switch"}),
                          (["switch", ""], {"host", "next", "prev", "zorg", "deb.by"}),
                          (["status", "--w"], {"--watch"}), (["resc"], {"rescue"}),
                          (["switch", "--dry-run", "z"], {"zorg"}), (["approve", ""], {"7"}),
                          (["switch", "zorg", "--d"], {"--dry-run"}),
                          (["guest", "zorg", ""], {"ddc", "shutdown"}),
                          (["guest", "zorg", "ddc", "g"], {"get"}),
                          (["guest", "zorg", "ddc", "set", ""], {"desk"}),
                          (["ddc", ""], {"detect", "get", "set"}), (["ddc", "get", ""], {"desk"}),
                          (["policy", "explain", "zorg", "sw"], {"switch"}),
                          (["--timeout", "3", "unp"], {"unpair"}), (["--timeout", ""], set()),
                          (["switch", "zorg", ""], set()), (["nonsense", ""], set())):
        assert complete("va-host", *words) == wanted, (words, complete("va-host", *words))
    for words, wanted in ((["shutdown", ""], {"host"}), (["switch", "d"], {"deb.by"}),
                          (["ddc", "get", ""], {"0123456789abcdef"}), (["ping", "-"], {
                              "--json", "--timeout", "--socket", "--help", "-c", "--count"})):
        assert complete("va-guest", *words) == wanted, (words, complete("va-guest", *words))


def completions_know_all_commands_and_options():
    need("bash")
    stands_for = {"GUEST": "zorg", "MONITOR": "desk", "TARGET": "zorg", "N": "7",
                  "OPERATION": "switch"}
    for program in PROGRAMS:
        for line, options in commands(program):
            done = []
            for word in re.sub(r"[\[\]]", "", line).split():
                typed = stands_for.get(word, word)
                if word in ("VALUE", "CODE", "FILE", "TO", "UID"):
                    break
                if word == "MONITOR" and program == "va-guest":
                    typed = "0123456789abcdef"
                offered = complete(program, *done, "")
                assert typed in offered, f"{program} {' '.join(done)}: {typed} is not offered"
                done.append(typed)
            for option in options:
                assert option in complete(program, *done, "-"), f"{program} {line}: {option}"


# --- packages


def debian_packages():
    need("dpkg-buildpackage")
    need("dh")
    with scratch() as temporary:
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        run("make", f"BUILD={temporary}", "deb", env=env)
        folder = pathlib.Path(temporary) / "deb"
        names = {p.name.split("_")[0] for p in folder.glob("*.deb")}
        assert {"virt-aid-host", "virt-aid-guest", "virt-aid-common"} <= names, names
        seen = {}
        for name in ("host", "guest", "common"):
            deb = next(folder.glob(f"virt-aid-{name}_*.deb"))
            for line in run("dpkg-deb", "-c", deb).stdout.splitlines():
                path = line.split()[5]
                if not path.endswith("/"):
                    assert path not in seen, f"{path} is in {seen[path]} and in {name}"
                    seen[path] = name
        for path in ("./usr/sbin/va-hostd", "./usr/sbin/va-guestd", "./usr/libexec/virt-aid/va-ddc"):
            assert path in seen, path
        if shutil.which("lintian"):
            done = run("lintian", "--allow-root", "--fail-on", "error,warning", "--no-tag-display-limit",
                       next(folder.glob("*.changes")), ok=False)
            said = [line for line in done.stdout.splitlines() if line[:2] in ("E:", "W:")]
            assert not said, "\n".join(said)


def rpm_spec_names_what_is_installed():
    spec = (PACKAGING / "rpm/virt-aid.spec").read_text()
    with scratch() as temporary:
        make("install", f"DESTDIR={temporary}")
        listed = re.findall(r"^(?:%config\(noreplace\) )?(%\{_[a-z]+\}/\S+)", spec, re.M)
        for name in files(temporary):
            base = name.rsplit("/", 1)[1]
            assert any(re.sub(r"\*$", "", entry).endswith("/" + base) for entry in listed), name
        assert len(listed) == len(files(temporary)), "the spec lists what is not installed"
    if shutil.which("rpmspec"):
        run("rpmspec", "-P", PACKAGING / "rpm/virt-aid.spec")


CASES = (install_and_uninstall_leave_nothing, a_changed_configuration_stays,
         another_prefix_needs_another_build, exposure_is_low, units_are_understood,
         users_and_folders, udev_rules, shipped_configuration_is_good,
         shipped_guest_configuration_is_good, manual_pages,
         manual_pages_know_all_commands_and_options, completions,
         completions_know_all_commands_and_options, debian_packages,
         rpm_spec_names_what_is_installed)


def main():
    global BUILD
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=BUILD, type=pathlib.Path)
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    BUILD = args.build.resolve()
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    for case in CASES:
        if args.cases and case.__name__ not in args.cases:
            continue
        try:
            case()
            verdict, why = "ok", ""
        except Skip as reason:
            verdict, why = "skip", f": {reason}"
        except Exception as reason:
            verdict, why = "FAIL", f": {reason}"
        counts[verdict] += 1
        print(f"{verdict} {case.__name__}{why}", flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed"
          + (f", {counts['skip']} skipped" if counts["skip"] else ""))
    return 1 if counts["FAIL"] or not sum(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
