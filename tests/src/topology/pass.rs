//! An XDP program that passes everything, for the ends of veth pairs that face an interface with a real one.
//!
//! What XDP transmits into a veth waits in a ring of the peer, and who wakes the peer depends: after `XDP_REDIRECT`
//! it is woken if it uses NAPI, but after `XDP_TX` only if it has an XDP program itself (`veth_xdp_flush` in the
//! kernel's veth.c). Without one the frames lie there until other traffic comes along.
//!
//! The object file is made here, byte by byte, so that the laboratory needs no compiler for BPF.

use std::fmt::Display;

use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya::programs::Xdp;
use aya::programs::xdp::XdpMode;

use crate::netns::Namespace;

// r0 = XDP_PASS; exit
const PROGRAM: [u8; 16] = [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
const LICENSE: &[u8] = b"GPL\0";
const NAMES: &[u8] = b"\0pass\0xdp\0license\0.strtab\0.symtab\0";

const FILE_HEADER: usize = 64;
const SECTION_HEADER: u16 = 64;
const SYMBOL: usize = 24;

/// The program, once for all devices of a laboratory. They lose it when this is dropped.
#[derive(Debug)]
pub(super) struct Pass(Ebpf);

impl Pass {
    pub(super) fn load() -> Result<Self> {
        let mut pass = Self(Ebpf::load(&object_file())?);
        pass.program()?.load()?;
        Ok(pass)
    }

    pub(super) fn attach<S: Display + Sync>(&mut self, namespace: &Namespace, devices: &[S]) -> Result<()> {
        let program = self.program()?;
        namespace.enter(|| {
            for device in devices {
                // Only in the driver does it concern the ring.
                program.attach(&device.to_string(), XdpMode::Driver)?;
            }
            Ok(())
        })?
    }

    fn program(&mut self) -> Result<&mut Xdp> {
        let program = self.0.program_mut("pass").context("the object has no program")?;
        Ok(program.try_into()?)
    }
}

/// One section of the file, as its header tells it.
struct Section<'a> {
    name: &'a [u8],
    kind: u32,
    flags: u64,
    /// The section with the names of this one's symbols, and the first symbol that is not local.
    link_and_info: [u32; 2],
    entry_size: u64,
    content: &'a [u8],
}

/// An ELF file with the program in a section `xdp`, as a compiler would make it.
fn object_file() -> Vec<u8> {
    const PROGBITS: u32 = 1;
    const SYMTAB: u32 = 2;
    const STRTAB: u32 = 3;
    const ALLOC_EXEC: u64 = 6;
    let symbols = symbols();
    let plain = |name, kind, content| Section {
        name,
        kind,
        flags: 0,
        link_and_info: [0; 2],
        entry_size: 0,
        content,
    };
    let sections = [
        plain(b"", 0, b""),
        Section {
            flags: ALLOC_EXEC,
            ..plain(b"xdp", PROGBITS, &PROGRAM)
        },
        plain(b"license", PROGBITS, LICENSE),
        plain(b".strtab", STRTAB, NAMES),
        Section {
            link_and_info: [3, 1],
            entry_size: SYMBOL as u64,
            ..plain(b".symtab", SYMTAB, &symbols)
        },
    ];
    let mut contents = Vec::new();
    let mut headers = Vec::new();
    for section in &sections {
        contents.resize(contents.len().next_multiple_of(8), 0);
        headers.extend(name_offset(section.name).to_ne_bytes());
        headers.extend(section.kind.to_ne_bytes());
        let offset = (FILE_HEADER + contents.len()) as u64;
        for word in [section.flags, 0, offset, section.content.len() as u64] {
            headers.extend(word.to_ne_bytes());
        }
        headers.extend(section.link_and_info.map(u32::to_ne_bytes).concat());
        headers.extend(8_u64.to_ne_bytes());
        headers.extend(section.entry_size.to_ne_bytes());
        contents.extend(section.content);
    }
    contents.resize(contents.len().next_multiple_of(8), 0);
    [
        file_header(contents.len(), sections.len() as u16),
        contents,
        headers,
    ]
    .concat()
}

fn file_header(contents: usize, sections: u16) -> Vec<u8> {
    const RELOCATABLE: u16 = 1;
    const BPF: u16 = 247;
    const NAMES_SECTION: u16 = 3;
    let byte_order = if cfg!(target_endian = "little") { 1 } else { 2 };
    let mut header = vec![
        0x7f, b'E', b'L', b'F', 2, byte_order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    header.extend([RELOCATABLE, BPF].map(u16::to_ne_bytes).concat());
    header.extend(1_u32.to_ne_bytes());
    // No entry, no program headers, and the section headers at the end.
    header.extend(
        [0, 0, (FILE_HEADER + contents) as u64]
            .map(u64::to_ne_bytes)
            .concat(),
    );
    header.extend(0_u32.to_ne_bytes());
    let sizes = [FILE_HEADER as u16, 0, 0, SECTION_HEADER, sections, NAMES_SECTION];
    header.extend(sizes.map(u16::to_ne_bytes).concat());
    header
}

/// The empty symbol that every table begins with, and the function.
fn symbols() -> Vec<u8> {
    const GLOBAL_FUNCTION: u8 = 0x12;
    let mut symbols = vec![0; SYMBOL];
    symbols.extend(name_offset(b"pass").to_ne_bytes());
    symbols.extend([GLOBAL_FUNCTION, 0]);
    symbols.extend(1_u16.to_ne_bytes());
    symbols.extend([0, PROGRAM.len() as u64].map(u64::to_ne_bytes).concat());
    symbols
}

/// Where a name stands in [`NAMES`].
fn name_offset(name: &[u8]) -> u32 {
    let wanted = [name, &[0]].concat();
    let found = NAMES.windows(wanted.len()).position(|window| window == wanted);
    found.unwrap_or_default() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_headers_are_where_the_file_header_says() {
        let file = object_file();
        let headers = u64::from_ne_bytes(*file[40..].first_chunk().expect("a header")) as usize;
        assert_eq!(file.len(), headers + 5 * usize::from(SECTION_HEADER));
        assert_eq!(name_offset(b"pass"), 1);
        assert_eq!(&NAMES[name_offset(b".symtab") as usize..], b".symtab\0");
    }
}
