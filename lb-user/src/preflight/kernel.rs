//! What the kernel can do.

use aya::{
    programs::ProgramType,
    sys::{BpfHelper, is_helper_supported},
};
use nix::sys::utsname::uname;

use super::Missing;

/// Asks for the youngest thing that the datapath uses, not for a version: distributions carry it into older ones. The
/// kernel's own BTF is not needed, since the programs read nothing of the kernel's.
pub(super) fn check() -> Option<Missing> {
    match is_helper_supported(ProgramType::Xdp, BpfHelper::BPF_FUNC_loop) {
        Ok(true) => None,
        Ok(false) => Some(Missing::Loops { release: release() }),
        Err(error) => Some(Missing::Programs {
            reason: format!("{:#}", anyhow::Error::new(error)),
        }),
    }
}

fn release() -> String {
    uname().map_or_else(
        |_| "here".to_owned(),
        |name| name.release().to_string_lossy().into_owned(),
    )
}
