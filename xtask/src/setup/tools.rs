//! The system's tools that tests and benchmark call.

use super::Need;

/// A program of the system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    /// The package that has it, in Debian and most others.
    pub(crate) package: &'static str,
    pub(crate) user: ToolUser,
}

/// Who calls a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToolUser {
    /// The laboratory of tests, demonstration and benchmark.
    Tests,
    /// The benchmark alone, to compare with.
    Bench,
}

impl ToolUser {
    /// For messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tests => "for the tests",
            Self::Bench => "for the benchmark only",
        }
    }

    /// Is a tool of this user called in what is about to be done?
    pub(crate) fn is_needed_for(self, need: Need) -> bool {
        match (need, self) {
            (Need::Build, _) | (Need::Test, Self::Bench) => false,
            (Need::Test, Self::Tests) | (Need::Bench | Need::Everything, _) => true,
        }
    }
}

/// All of them.
pub(crate) const TOOLS: [Tool; 4] = [
    Tool {
        program: "ip",
        package: "iproute2",
        user: ToolUser::Tests,
    },
    Tool {
        program: "nsenter",
        package: "util-linux",
        user: ToolUser::Tests,
    },
    Tool {
        program: "ethtool",
        package: "ethtool",
        user: ToolUser::Tests,
    },
    Tool {
        program: "nft",
        package: "nftables",
        user: ToolUser::Bench,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_needs_no_tool_and_only_the_benchmark_its_own() {
        assert!(!ToolUser::Tests.is_needed_for(Need::Build));
        assert!(ToolUser::Tests.is_needed_for(Need::Test));
        assert!(!ToolUser::Bench.is_needed_for(Need::Test));
        assert!(ToolUser::Bench.is_needed_for(Need::Bench));
        assert!(ToolUser::Bench.is_needed_for(Need::Everything));
    }
}
