//! From facts to what is to be done: nothing here looks at the machine or changes it.

use super::Need;
use super::choice::{Attempt, Choice, DEBIAN_PACKAGES, Found, Installer, choose};
use super::compiler::Compiler;
use super::tools::{TOOLS, Tool};

/// What was found on this machine.
pub(crate) struct Facts {
    pub(crate) compilers: Found,
    pub(crate) installer: Installer,
    pub(crate) missing_tools: Vec<&'static Tool>,
}

/// What is to be done with packages.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// One line a thing, for the user.
    pub(crate) lines: Vec<Line>,
    /// To install, in one call.
    pub(crate) packages: Vec<&'static str>,
    /// The compiler, unless it has to be installed first.
    pub(crate) compiler: Option<Compiler>,
    /// What only the user can put right.
    pub(crate) problems: Vec<String>,
}

/// A line about one thing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Have(String),
    Install(String),
    Missing(String),
}

/// Plans what `need` asks for.
pub(crate) fn plan(facts: &Facts, need: Need, attempt: Attempt) -> Plan {
    let mut plan = Plan::default();
    match choose(&facts.compilers, facts.installer, attempt) {
        Choice::Use(compiler) => {
            plan.lines
                .push(Line::Have(format!("compiler for eBPF: {compiler}")));
            plan.compiler = Some(compiler);
        }
        Choice::InstallDebian => {
            plan.lines.push(Line::Install(format!(
                "compiler for eBPF: Debian's {}",
                DEBIAN_PACKAGES.join(" and ")
            )));
            plan.packages.extend(DEBIAN_PACKAGES);
        }
        Choice::Stop(why) => {
            plan.lines.push(Line::Missing("compiler for eBPF".to_owned()));
            plan.problems.push(why);
        }
    }
    for tool in TOOLS.iter().filter(|tool| tool.user.is_needed_for(need)) {
        plan_tool(&mut plan, tool, facts, attempt);
    }
    plan
}

fn plan_tool(plan: &mut Plan, tool: &'static Tool, facts: &Facts, attempt: Attempt) {
    let Tool {
        program,
        package,
        user,
        proof: _,
    } = tool;
    let name = format!("{program} ({package}), {}", user.name());
    if !facts.missing_tools.contains(&tool) {
        plan.lines.push(Line::Have(name));
    } else if facts.installer == Installer::AptGet && attempt == Attempt::First {
        plan.lines.push(Line::Install(name));
        plan.packages.push(package);
    } else {
        plan.lines.push(Line::Missing(name));
        plan.problems.push(match facts.installer {
            Installer::AptGet => format!("{package} was installed, but there is still no `{program}`"),
            Installer::NotRoot => format!("`{program}` is missing: `apt-get install {package}` as root"),
            Installer::Absent => {
                format!("`{program}` is missing: install it, in Debian its package is {package}")
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::compiler::{Origin, samples::good};

    fn facts(installer: Installer, missing: &[&str]) -> Facts {
        let compilers = Found {
            named: Some(Ok(good(Origin::Named, "1.96.0"))),
            ..Found::default()
        };
        let missing_tools = TOOLS
            .iter()
            .filter(|tool| missing.contains(&tool.program))
            .collect();
        Facts {
            compilers,
            installer,
            missing_tools,
        }
    }

    #[test]
    fn nothing_is_done_when_nothing_is_missing() {
        let plan = plan(&facts(Installer::NotRoot, &[]), Need::Everything, Attempt::First);
        assert!(plan.packages.is_empty() && plan.problems.is_empty() && plan.compiler.is_some());
        assert_eq!(plan.lines.len(), 1 + TOOLS.len());
        assert!(plan.lines.iter().all(|line| matches!(line, Line::Have(_))));
    }

    #[test]
    fn compiler_and_tools_are_installed_together() {
        let facts = Facts {
            compilers: Found::default(),
            ..facts(Installer::AptGet, &["ethtool", "nft"])
        };
        let plan = plan(&facts, Need::Everything, Attempt::First);
        assert_eq!(
            plan.packages,
            ["rustc-web", "rust-web-src", "ethtool", "nftables"]
        );
        assert!(plan.problems.is_empty());
    }

    #[test]
    fn a_tool_that_is_not_needed_now_is_not_installed() {
        let plan = plan(&facts(Installer::AptGet, &["nft"]), Need::Test, Attempt::First);
        assert!(plan.packages.is_empty() && plan.problems.is_empty());
    }

    #[test]
    fn what_cannot_be_installed_is_named_with_the_way_to_get_it() {
        for installer in [Installer::NotRoot, Installer::Absent] {
            let plan = plan(&facts(installer, &["ethtool", "ip"]), Need::Test, Attempt::First);
            assert!(plan.packages.is_empty());
            assert_eq!(plan.problems.len(), 2);
            assert!(plan.problems[0].contains("iproute2"), "{:?}", plan.problems);
        }
    }

    #[test]
    fn nothing_is_installed_twice() {
        let plan = plan(
            &facts(Installer::AptGet, &["nft"]),
            Need::BenchL4,
            Attempt::AfterInstall,
        );
        assert!(plan.packages.is_empty());
        assert!(plan.problems[0].contains("still no `nft`"));
    }
}
