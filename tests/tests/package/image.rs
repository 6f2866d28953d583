//! The image of a container: built as its recipe says, and run as that says too.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use lb_tests::daemon::binary;
use lb_tests::eventually;
use lb_tests::throwaway::Root;

use crate::host::{DATAPATH, FILE, LISTENER, PATIENCE, assert_it_serves, host, package};

/// Keeps plain directories, and makes no control groups: of those nothing goes with the throw-away host.
const ENGINE: &[&str] = &[
    "--storage-driver=vfs",
    "--cgroup-manager=cgroupfs",
    "--events-backend=none",
];
const RUN: &[&str] = &["run", "--rm", "--cgroups=disabled", "--name=tried"];

/// The image in the store of a throw-away host.
struct Image {
    root: Root,
    recipe: String,
}

impl Image {
    fn build() -> Result<Self> {
        let root = host()?;
        // An engine looks there for what it might limit containers by.
        root.run(&["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"])?;
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/Containerfile");
        let recipe = fs::read_to_string(recipe)?;
        fs::write(root.path("/opt/Containerfile"), &recipe)?;
        let files = package()?.with_file_name("image");
        let copied = Command::new("cp")
            .arg("-a")
            .args([&files, &root.path("/opt/image")])
            .status()?;
        ensure!(
            copied.success(),
            "there is no {}: `cargo xtask package`",
            files.display()
        );
        let image = Self { root, recipe };
        image.podman(&[
            "build",
            "--file=/opt/Containerfile",
            "--tag=holdfast",
            "/opt/image",
        ])?;
        Ok(image)
    }

    fn podman(&self, words: &[&str]) -> Result<String> {
        self.root.run(&[&["podman"], ENGINE, words].concat())
    }

    /// What a command in a container says.
    fn said(&self, words: &[&str]) -> Result<String> {
        self.podman(&[RUN, &["--network=none", "holdfast"], words].concat())
    }

    /// How the recipe says that a container is run: all words after the engine's.
    fn documented(&self) -> Result<Vec<&str>> {
        let (_, after) = self
            .recipe
            .split_once("podman run ")
            .context("the recipe runs nothing")?;
        let (command, _) = after.split_once("\n#\n").context("it goes on and on")?;
        Ok(command
            .split(['#', '\\', '\n', ' '])
            .filter(|word| !word.is_empty())
            .collect())
    }

    /// Runs it so with this configuration, until somebody is through with it, and ends it.
    fn serve(&self, config: &str, used: impl FnOnce() -> Result<()>) -> Result<()> {
        // As the recipe says where the engine is older than the right.
        const OLDER: &[&str] = &["--security-opt=seccomp=unconfined"];
        for directory in ["/etc/holdfast", "/run/holdfast", "/var/lib/holdfast"] {
            fs::create_dir_all(self.root.path(directory))?;
        }
        fs::write(self.root.path(FILE), config)?;
        let mut daemon = self.root.command("podman");
        daemon.args(ENGINE).args(RUN).args(OLDER).args(self.documented()?);
        let mut daemon = daemon
            .stderr(fs::File::create(self.root.path("/opt/log"))?)
            .spawn()?;
        eventually("the daemon to serve", PATIENCE, || {
            let log = self.root.read("/opt/log")?;
            ensure!(log.contains("serving"), "{log}");
            Ok(())
        });
        used()?;
        self.podman(&["stop", "--time=20", "tried"])?;
        assert!(daemon.wait()?.success(), "{}", self.root.read("/opt/log")?);
        Ok(())
    }
}

#[test]
fn an_image_has_all_that_the_program_needs_and_the_terms_of_it() -> Result<()> {
    let image = Image::build()?;
    let of_the_build = Command::new(binary()).arg("--version").output()?;
    assert_eq!(image.said(&["--version"])?.as_bytes(), of_the_build.stdout);
    let checked = image.said(&["check", FILE])?;
    assert!(checked.contains("it names no interfaces"), "{checked}");
    for file in [
        "/etc/ssl/certs/ca-certificates.crt",
        "/usr/share/doc/holdfast/notices.gz",
        "/usr/share/doc/holdfast/copyright",
        "/usr/share/doc/libc6/copyright",
        "/usr/share/doc/ca-certificates/copyright",
    ] {
        assert!(image.root.path(&format!("/opt/image{file}")).is_file(), "{file}");
    }
    Ok(())
}

#[test]
fn a_container_serves_until_it_is_told_to_end() -> Result<()> {
    let image = Image::build()?;
    image.serve(LISTENER, || assert_it_serves(&image.root))
}

#[test]
fn a_container_has_the_datapath_with_the_rights_that_its_recipe_says_and_leaves_it_to_the_next() -> Result<()>
{
    let image = Image::build()?;
    let pins = image.root.path("/sys/fs/bpf/holdfast");
    for _container in 0..2 {
        image.serve(DATAPATH, || {
            assert!(pins.exists());
            Ok(())
        })?;
        assert!(pins.exists());
    }
    Ok(())
}
