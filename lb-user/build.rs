//! Finds the compiled eBPF objects: the library embeds one, the benchmark the other.

use std::{env, path::PathBuf};

fn main() {
    let workspace = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let object = workspace.join("target/bpf/bpfel-unknown-none/release/holdfast-xdp");
    println!("cargo::rerun-if-changed={}", object.display());
    assert!(
        object.exists(),
        "the eBPF object is not built: run `cargo xtask build`"
    );
    let object = object.canonicalize().expect("it exists");
    println!("cargo::rustc-env=HOLDFAST_XDP={}", object.display());
    let bench = object.with_file_name("holdfast-bench");
    println!("cargo::rerun-if-changed={}", bench.display());
    println!("cargo::rustc-env=HOLDFAST_BENCH={}", bench.display());
}
