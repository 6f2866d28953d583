//! The system's tools that tests and benchmark call.

use super::Need;

/// A program of the system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    /// The package that has it, in Debian and most others.
    pub(crate) package: &'static str,
    pub(crate) user: ToolUser,
    /// Arguments with which it succeeds only where all of it is there; none: it is one piece.
    pub(crate) proof: &'static [&'static str],
}

/// Who calls a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToolUser {
    /// The laboratory of tests, demonstration and benchmark.
    Tests,
    /// The end-to-end tests alone.
    EndToEnd,
    /// Who makes the package.
    Package,
    /// The benchmark of layer 4 alone, to compare with.
    BenchL4,
    /// That of layer 7 alone: also what it compares with.
    BenchL7,
}

impl ToolUser {
    /// For messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tests => "for the tests",
            Self::EndToEnd => "for the end-to-end tests only",
            Self::Package => "for the Debian package",
            Self::BenchL4 => "for `bench l4` only",
            Self::BenchL7 => "for `bench l7` only",
        }
    }

    /// Is a tool of this user called in what is about to be done?
    pub(crate) fn is_needed_for(self, need: Need) -> bool {
        match self {
            Self::Tests => !matches!(need, Need::Build | Need::Package),
            Self::EndToEnd => need.is_for_clients(),
            Self::Package => need.is_for_package(),
            Self::BenchL4 => matches!(need, Need::BenchL4 | Need::Usual | Need::Everything),
            Self::BenchL7 => matches!(need, Need::BenchL7 | Need::Everything),
        }
    }
}

/// All of them.
pub(crate) const TOOLS: [Tool; 15] = [
    Tool {
        program: "ip",
        package: "iproute2",
        user: ToolUser::Tests,
        proof: &[],
    },
    Tool {
        program: "nsenter",
        package: "util-linux",
        user: ToolUser::Tests,
        proof: &[],
    },
    Tool {
        program: "ethtool",
        package: "ethtool",
        user: ToolUser::Tests,
        proof: &[],
    },
    Tool {
        program: "python3",
        package: "python3-venv",
        user: ToolUser::EndToEnd,
        proof: &["-c", "import ensurepip, venv"],
    },
    Tool {
        program: "node",
        package: "nodejs",
        user: ToolUser::EndToEnd,
        proof: &[],
    },
    Tool {
        program: "npm",
        package: "npm",
        user: ToolUser::EndToEnd,
        proof: &[],
    },
    Tool {
        program: "chromium",
        package: "chromium",
        user: ToolUser::EndToEnd,
        proof: &[],
    },
    Tool {
        program: "podman",
        package: "podman",
        user: ToolUser::EndToEnd,
        proof: &[],
    },
    // What podman runs containers by.
    Tool {
        program: "crun",
        package: "crun",
        user: ToolUser::EndToEnd,
        proof: &[],
    },
    Tool {
        program: "dpkg-shlibdeps",
        package: "dpkg-dev",
        user: ToolUser::Package,
        proof: &[],
    },
    Tool {
        program: "update-ca-certificates",
        package: "ca-certificates",
        user: ToolUser::Package,
        proof: &[],
    },
    Tool {
        program: "nft",
        package: "nftables",
        user: ToolUser::BenchL4,
        proof: &[],
    },
    Tool {
        program: "haproxy",
        package: "haproxy",
        user: ToolUser::BenchL7,
        proof: &[],
    },
    Tool {
        program: "nginx",
        package: "nginx",
        user: ToolUser::BenchL7,
        proof: &[],
    },
    Tool {
        program: "openssl",
        package: "openssl",
        user: ToolUser::BenchL7,
        proof: &[],
    },
];

/// The packages whose services would begin with them: they are wanted as programs only.
pub(crate) const SERVICES: [&str; 2] = ["haproxy", "nginx"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_needs_no_tool_and_only_the_benchmarks_their_own() {
        assert!(!ToolUser::Tests.is_needed_for(Need::Build));
        assert!(!ToolUser::Tests.is_needed_for(Need::Package));
        assert!(!ToolUser::Package.is_needed_for(Need::Build));
        assert!(ToolUser::Package.is_needed_for(Need::Package));
        assert!(ToolUser::Package.is_needed_for(Need::EndToEnd));
        assert!(ToolUser::Tests.is_needed_for(Need::Test));
        assert!(!ToolUser::EndToEnd.is_needed_for(Need::Test));
        assert!(ToolUser::EndToEnd.is_needed_for(Need::EndToEnd));
        assert!(!ToolUser::BenchL4.is_needed_for(Need::Test));
        assert!(ToolUser::BenchL4.is_needed_for(Need::BenchL4));
        assert!(!ToolUser::BenchL4.is_needed_for(Need::BenchL7));
        assert!(ToolUser::BenchL7.is_needed_for(Need::BenchL7));
    }

    #[test]
    fn other_proxies_are_installed_on_request_only() {
        assert!(ToolUser::BenchL4.is_needed_for(Need::Usual));
        assert!(!ToolUser::BenchL7.is_needed_for(Need::Usual));
        assert!(ToolUser::BenchL7.is_needed_for(Need::Everything));
    }
}
