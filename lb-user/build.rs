//! Finds the compiled eBPF objects: the library embeds one, without what no kernel reads, the benchmark the other. And embeds the
//! files of the console.

use std::{
    env,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use object::{
    build::elf::{Builder, SectionData},
    elf::SHT_STRTAB,
};

fn main() {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let object = package.join("../target/bpf/bpfel-unknown-none/release/holdfast-xdp");
    println!("cargo::rerun-if-changed={}", object.display());
    assert!(
        object.exists(),
        "the eBPF object is not built: run `cargo xtask build`"
    );
    let object = object.canonicalize().expect("it exists");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let embedded = out.join("holdfast-xdp");
    fs::write(&embedded, without_debug_information(&object)).expect("cargo made the directory");
    println!("cargo::rustc-env=HOLDFAST_XDP={}", embedded.display());
    let bench = object.with_file_name("holdfast-bench");
    println!("cargo::rerun-if-changed={}", bench.display());
    println!("cargo::rustc-env=HOLDFAST_BENCH={}", bench.display());
    embed_console(&package.join("console/dist"), &out);
}

/// An eBPF object without its DWARF, four fifths of it, which is for debuggers. The kernel is told of types, functions and lines by
/// BTF, which stays; and BTF cannot be had without DWARF from the linker.
fn without_debug_information(object: &Path) -> Vec<u8> {
    let object = fs::read(object).expect("it exists");
    let mut elf = Builder::read(object.as_slice()).expect("the linker wrote it");
    for section in &mut elf.sections {
        let name = section.name.as_slice();
        section.delete = name.starts_with(b".debug_") || name.starts_with(b".rel.debug_");
    }
    // Symbols that stood for these sections.
    elf.delete_orphans();
    // LLVM keeps the names of sections and of symbols in one table, which is not written so.
    let names = elf.sections.add();
    names.name = ".shstrtab".into();
    names.sh_type = SHT_STRTAB;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    elf.write(&mut stripped).expect("memory takes all");
    stripped
}

/// Writes what `api::console::assets` includes: each file of the bundle as it is, and compressed.
fn embed_console(bundle: &Path, out: &Path) {
    println!("cargo::rerun-if-changed={}", bundle.display());
    let mut files = Vec::new();
    collect(bundle, &mut files);
    assert!(
        files.iter().any(|file| file.ends_with("index.html")),
        "the console is not built: run `cargo xtask build`"
    );
    files.sort();
    let mut table = String::from("static ASSETS: &[Asset] = &[\n");
    for (number, file) in files.iter().enumerate() {
        let content = fs::read(file).expect("it was just listed");
        let gzip = out.join(format!("console-{number}.gz"));
        fs::write(&gzip, compressed(&content)).expect("cargo made the directory");
        let path = file.strip_prefix(bundle).expect("it is below").display();
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        writeln!(
            table,
            "Asset {{ path: {:?}, content_type: {:?}, etag: \"\\\"{:016x}\\\"\", plain: include_bytes!({:?}), gzip: \
             include_bytes!({:?}) }},",
            path.to_string(),
            content_type(file),
            hasher.finish(),
            file.display().to_string(),
            gzip.display().to_string(),
        )
        .expect("a string takes all");
    }
    table.push_str("];\n");
    fs::write(out.join("console.rs"), table).expect("cargo made the directory");
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn compressed(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        other => panic!("what kind of file has a name that ends in {other:?}?"),
    }
}
