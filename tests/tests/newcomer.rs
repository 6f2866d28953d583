//! What someone does who has just read the README.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::{Namespace, daemon, eventually, netns};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A release build may be among it.
const WITHIN: Duration = Duration::from_mins(5);

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A command as at a terminal: what it says is kept, and Ctrl-C is for all of its process group.
struct Terminal {
    child: Child,
    directory: TempDir,
}

impl Terminal {
    fn run(command: &mut Command) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let output = File::create(directory.path().join("output"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {command:?}"))?;
        Ok(Self { child, directory })
    }

    fn output(&self) -> String {
        fs::read_to_string(self.directory.path().join("output")).unwrap_or_default()
    }

    fn await_text(&mut self, text: &str) {
        eventually(text, WITHIN, || {
            let ended = self.child.try_wait().ok().flatten();
            assert!(ended.is_none(), "{}", self.output());
            if self.output().contains(text) {
                Ok(())
            } else {
                Err(self.output())
            }
        });
    }

    fn ctrl_c(&mut self) -> ExitStatus {
        self.end_by(Signal::SIGINT)
    }

    fn end_by(&mut self, signal: Signal) -> ExitStatus {
        let group = Pid::from_raw(self.child.id().cast_signed());
        killpg(group, signal).expect("it runs");
        eventually(&format!("it to end after {signal}"), WITHIN, || {
            self.child.try_wait().ok().flatten()
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing is left to be ended unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process of the laboratory has made: namespaces, pins, directories, and processes that know of these.
fn traces(pid: u32) -> Vec<String> {
    let prefix = format!("hf-{pid}-");
    let temporary = std::env::temp_dir();
    let entries = [Path::new(netns::DIRECTORY), Path::new("/sys/fs/bpf"), &temporary]
        .into_iter()
        .flat_map(fs::read_dir)
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(&prefix));
    let processes = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok())
        .filter(|line| line.contains(&prefix));
    entries.chain(processes).collect()
}

/// The demonstration, as `cargo xtask run` would start it.
fn demonstration() -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    demo.env("HOLDFAST_BIN", daemon::binary());
    demo
}

#[test]
fn ctrl_c_in_the_middle_of_the_demonstration_leaves_nothing() -> Result<()> {
    // Before the daemon, while it starts, and between two rounds.
    for moment in ["", "The configuration", "It goes on until Ctrl-C."] {
        let mut demo = Terminal::run(&mut demonstration())?;
        let pid = demo.child.id();
        eventually("something to be there", WITHIN, || !traces(pid).is_empty());
        demo.await_text(moment);
        demo.ctrl_c();
        assert_eq!(
            traces(pid),
            Vec::<String>::new(),
            "after {moment:?}: {}",
            demo.output()
        );
    }
    Ok(())
}

#[test]
fn a_terminal_that_is_closed_ends_the_demonstration_and_leaves_nothing() -> Result<()> {
    let mut demo = Terminal::run(&mut demonstration())?;
    demo.await_text("It goes on until Ctrl-C.");
    demo.end_by(Signal::SIGHUP);
    assert_eq!(traces(demo.child.id()), Vec::<String>::new(), "{}", demo.output());
    Ok(())
}

/// The lines of all shell blocks of the README, without their comments.
fn commands_of_the_readme() -> Result<Vec<String>> {
    let readme = fs::read_to_string(workspace().join("README.md"))?;
    let blocks = readme.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    let commands = lines.map(|line| line.split(" #").next().unwrap_or(line).trim().to_owned());
    Ok(commands.filter(|line| !line.is_empty()).collect())
}

/// `cargo xtask` with arguments, in a namespace of its own.
fn xtask(namespace: &Namespace, arguments: &[&str]) -> Command {
    let mut command = namespace.command("cargo");
    command.arg("xtask").args(arguments).current_dir(workspace());
    command
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() -> Result<()> {
    let namespace = Namespace::new("newcomer")?;
    namespace.ip(&[
        "link add eth0 type veth peer name far",
        "link set eth0 up",
        "link set far up",
    ])?;
    for command in commands_of_the_readme()? {
        match command.as_str() {
            "cargo xtask run" => {
                let mut demo = Terminal::run(&mut xtask(&namespace, &["run"]))?;
                demo.await_text("It goes on until Ctrl-C.");
                let status = demo.ctrl_c();
                assert!(status.success(), "{}", demo.output());
                assert!(demo.output().contains("All as configured."), "{}", demo.output());
            }
            "cargo xtask run -- --config FILE" => run_with_a_file(&namespace)?,
            // This is what runs, and in it the tests of the package, on hosts of their own.
            "cargo xtask test"
            | "cargo xtask package"
            | "apt install ./target/debian/holdfast_*.deb"
            | "systemctl enable --now holdfast" => {}
            other => panic!("the README prints `{other}`: try it here"),
        }
    }
    Ok(())
}

/// The example that the README prints, with paths of its own.
fn run_with_a_file(namespace: &Namespace) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (socket, file) = (
        directory.path().join("control.sock"),
        directory.path().join("holdfast.toml"),
    );
    let pins = PathBuf::from(format!("/sys/fs/bpf/hf-{}-newcomer", std::process::id()));
    let example = fs::read_to_string(workspace().join("examples/minimal.toml"))?;
    let text = format!(
        "[daemon]\ncontrol_socket = \"{}\"\npin_path = \"{}\"\nstate_path = \"{}\"\n{example}",
        socket.display(),
        pins.display(),
        directory.path().join("state").display()
    );
    fs::write(&file, text)?;
    let file = file.to_str().context("a plain path")?;
    let mut run = Terminal::run(&mut xtask(namespace, &["run", "--", "--config", file]))?;
    run.await_text("serving");
    assert!(run.ctrl_c().success(), "{}", run.output());
    assert!(!socket.exists() && !pins.exists());
    Ok(())
}

#[test]
fn the_examples_in_the_readme_are_those_among_the_examples() -> Result<()> {
    let readme = fs::read_to_string(workspace().join("README.md"))?;
    let blocks = readme.split("```toml\n").skip(1);
    let printed: Vec<&str> = blocks.filter_map(|block| block.split("```").next()).collect();
    let names = ["minimal.toml", "web.toml"];
    assert_eq!(printed.len(), names.len());
    for (printed, name) in printed.into_iter().zip(names) {
        let example = fs::read_to_string(workspace().join("examples").join(name))?;
        let (_, example) = example
            .split_once("\n\n")
            .context("a comment, then the configuration")?;
        assert_eq!(printed, example);
    }
    Ok(())
}

/// All code blocks of a text, with what they are of, without the comments behind commands.
fn code_blocks(text: &str) -> Vec<Vec<&str>> {
    let blocks = text.split("```").skip(1).step_by(2);
    blocks
        .map(|block| {
            block
                .lines()
                .map(|line| line.split(" #").next().unwrap_or(line).trim_end())
                .collect()
        })
        .collect()
}

#[test]
fn the_readme_in_chinese_prints_the_same_commands_and_examples() -> Result<()> {
    let readme = |name: &str| fs::read_to_string(workspace().join(name));
    let (english, chinese) = (readme("README.md")?, readme("README.zh-CN.md")?);
    assert_eq!(code_blocks(&chinese), code_blocks(&english));
    let sections = |text: &str| text.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(sections(&chinese), sections(&english));
    Ok(())
}

#[test]
fn what_the_readmes_link_to_is_there() -> Result<()> {
    for name in ["README.md", "README.zh-CN.md"] {
        let readme = fs::read_to_string(workspace().join(name))?;
        let targets = readme
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        let mut count = 0;
        for target in targets.filter(|target| !target.starts_with("http")) {
            count += 1;
            let path = workspace().join(target.split('#').next().unwrap_or_default());
            ensure!(path.exists(), "{name} links to {target}, which is not there");
        }
        ensure!(count > 10, "{name} has links");
    }
    Ok(())
}
