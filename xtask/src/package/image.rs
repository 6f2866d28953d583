//! The root directory of a container: the program of the package, and what it needs of a system.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{read, run};

/// Unpacks what is neither for people at a shell nor for systemd.
const UNPACK: &str = r#"dpkg-deb --fsys-tarfile "$1" | tar --extract --directory "$2" \
    ./usr/bin ./etc/holdfast ./usr/share/doc/holdfast"#;

/// The authorities by which certificates of servers are verified, and the package that makes the file.
const AUTHORITIES: (&str, &str) = ("/etc/ssl/certs/ca-certificates.crt", "ca-certificates");

/// What the copyright files of packages refer to.
const LICENCES: &str = "/usr/share/common-licenses";

/// What is written to, and into which other directories are mounted.
const EMPTY: [&str; 3] = ["/run/holdfast", "/var/lib/holdfast", "/var/log/holdfast"];

/// Makes it anew, of a package that is there.
pub(super) fn stage(package: &Path, root: &Path) -> Result<()> {
    if root.exists() {
        fs::remove_dir_all(root).with_context(|| root.display().to_string())?;
    }
    fs::create_dir_all(root).with_context(|| root.display().to_string())?;
    run(Command::new("sh")
        .args(["-ec", UNPACK, "sh"])
        .args([package, root]))?;
    let listing = read(Command::new("ldd").arg(root.join("usr/bin/holdfast")))?;
    for library in libraries(&listing)? {
        copy(library, root)?;
        copy_terms(&owner(library)?, root)?;
    }
    copy(AUTHORITIES.0, root)?;
    copy_terms(AUTHORITIES.1, root)?;
    for entry in fs::read_dir(LICENCES).context(LICENCES)? {
        copy(&entry?.path().to_string_lossy(), root)?;
    }
    for directory in EMPTY {
        fs::create_dir_all(inside(root, directory)).context(directory)?;
    }
    Ok(())
}

/// The files in what `ldd` says. The kernel's own library is none.
fn libraries(listing: &str) -> Result<Vec<&str>> {
    let mut files = Vec::new();
    for line in listing.lines() {
        if line.contains("not found") {
            bail!("the program would not run: {}", line.trim());
        }
        files.extend(line.split_whitespace().find(|word| word.starts_with('/')));
    }
    Ok(files)
}

/// The package that a library is of.
fn owner(library: &str) -> Result<String> {
    // Newer releases of Debian have all packages put their files below /usr, where the loader's own paths may not go.
    let output = Command::new("dpkg-query")
        .args(["--search", library, &format!("/usr{library}")])
        .output()
        .context("cannot run dpkg-query")?;
    // It fails where it knows only one of them.
    let said = String::from_utf8_lossy(&output.stdout);
    let package = said.split(':').next().filter(|package| !package.is_empty());
    Ok(package
        .with_context(|| format!("{library} is of no package"))?
        .to_owned())
}

fn copy_terms(package: &str, root: &Path) -> Result<()> {
    copy(&format!("/usr/share/doc/{package}/copyright"), root)
}

/// To the same place, as a file of its own where it is a link here.
fn copy(file: &str, root: &Path) -> Result<()> {
    let to = inside(root, file);
    let directory = to.parent().context("it is inside")?;
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    fs::copy(file, to).with_context(|| file.to_owned())?;
    Ok(())
}

fn inside(root: &Path, path: &str) -> std::path::PathBuf {
    root.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_files_and_the_kernels_is_none() {
        let listing = "\tlinux-vdso.so.1 (0x00007f)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x00007f)\n\t\
                       /lib64/ld-linux.so.2 (0x00007f)\n";
        assert_eq!(
            libraries(listing).unwrap(),
            ["/lib/x/libc.so.6", "/lib64/ld-linux.so.2"]
        );
    }

    #[test]
    fn a_program_without_one_of_its_libraries_is_not_packed() {
        let error = libraries("\tlibfoo.so.1 => not found\n").unwrap_err();
        assert!(error.to_string().contains("libfoo.so.1"), "{error}");
    }
}
