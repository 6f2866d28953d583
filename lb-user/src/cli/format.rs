//! How answers are shown: for people, or for programs.

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{
    escape, output,
    paint::{self, Colours},
};

/// How an answer is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Table,
    /// For programs, with all numbers in full
    Json,
    /// The same in YAML
    Yaml,
}

// No comment for the documentation: clap would have every command that takes these arguments say it of itself.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Format {
    /// How the answer is shown
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "table")]
    output: Output,
    /// The same as `--output json`
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl Format {
    pub(super) fn output(self) -> Output {
        if self.json { Output::Json } else { self.output }
    }

    /// Prints an answer; `for_people` says it in words, and in these colours.
    pub(super) fn print(
        self,
        answer: &impl Serialize,
        for_people: impl FnOnce(Colours) -> String,
    ) -> anyhow::Result<()> {
        let text = match self.output() {
            Output::Table => for_people(paint::of_standard_output()),
            Output::Json => escape::json(&serde_json::to_string_pretty(answer)?).into_owned(),
            Output::Yaml => {
                serde_saphyr::to_string(answer).context("the answer cannot be written as YAML")?
            }
        };
        Ok(output::print(text)?)
    }
}
