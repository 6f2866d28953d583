//! How far the kernel's verifier has to go.

use std::{collections::BTreeSet, fs};

use aya::programs::loaded_programs;

use crate::cases::world::Plan;

/// What the verifier goes through before it refuses a program: the kernel's `BPF_COMPLEXITY_LIMIT_INSNS`.
const LIMIT: u32 = 1_000_000;

/// The programs that this process has loaded, by their ids.
fn own_programs() -> BTreeSet<u32> {
    let infos = fs::read_dir("/proc/self/fdinfo").expect("Linux has it");
    // One may be closed by another test meanwhile.
    let texts = infos.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    let id = |text: String| {
        text.lines()
            .find_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok())
    };
    texts.filter_map(id).collect()
}

#[test]
fn every_program_leaves_the_verifier_of_another_kernel_room() {
    let mut world = Plan::default().build();
    let started = world.core.datapath_mut().start_trace(&[]);
    started.expect("the kernel takes its stages");
    let own = own_programs();
    let mut verified: Vec<(u32, String)> = loaded_programs()
        .flatten()
        .filter(|info| own.contains(&info.id()))
        .filter_map(|info| Some((info.verified_instruction_count()?, info.name_as_str()?.to_owned())))
        .collect();
    verified.sort();
    verified.dedup();
    // The stages, and those of a trace. The kernel knows some of them by the same name, since it keeps fifteen characters.
    assert!(verified.len() >= 14, "{verified:#?}");
    let (most, program) = verified.last().expect("they are loaded");
    assert!(*most < LIMIT / 3 * 2, "{most} instructions of {program}");
}
