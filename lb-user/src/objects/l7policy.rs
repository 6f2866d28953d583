//! Policies of a listener, and their rules.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    form::{Form, Kind, When},
    head::{Described, Head, NoTags},
    inventory::{Inventory, Object, ids},
    kind::{Boolean, Id, Integer, NotNull, Nullable, Reference, Ruled, one_of},
    words::L7RuleType,
};
use crate::model::{ActionType, CompareType, RedirectCode};

/// Behind all others.
pub const LAST: u32 = i32::MAX as u32;

/// What becomes of requests that all of its rules are true of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct L7Policy {
    /// What all objects have.
    pub head: Head,
    /// Whose it is.
    pub listener_id: Uuid,
    /// What becomes of them.
    pub action: ActionType,
    /// Where it stands among those of its listener, from 1.
    pub position: u32,
    /// The pool that has them.
    pub redirect_pool_id: Option<Uuid>,
    /// Where their clients are sent.
    pub redirect_url: Option<String>,
    /// To the same path of which site they are sent.
    pub redirect_prefix: Option<String>,
    /// The status that says so.
    pub redirect_http_code: Option<RedirectCode>,
}

/// A status that sends a client elsewhere.
struct Redirects;

impl Kind<RedirectCode> for Redirects {
    fn read(&self, given: &Json) -> Result<RedirectCode, String> {
        let status = Integer {
            low: 0,
            high: u16::MAX,
        };
        let code = status.read(given).ok().and_then(|status| status.try_into().ok());
        code.ok_or_else(|| "Value should be one of: 301, 302, 303, 307, 308".into())
    }

    fn schema(&self) -> Json {
        json!({"type": "integer", "enum": RedirectCode::ALL.map(RedirectCode::status)})
    }
}

fn url(text: &str) -> Result<(), String> {
    let parsed: Result<http::Uri, _> = text.parse();
    let is_one =
        parsed.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    if is_one && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("Value must be a valid URL string".into())
    }
}

impl Object for L7Policy {
    const SINGULAR: &'static str = "l7policy";
    const PLURAL: &'static str = "l7policies";
    const LINKS: &'static str = "l7policies_links";
    const TITLE: &'static str = "L7 Policy";
    const ARGUMENT: &'static str = "l7policy_.l7policy";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "description",
        "provisioning_status",
        "operating_status",
        "admin_state_up",
        "project_id",
        "action",
        "listener_id",
        "redirect_pool_id",
        "redirect_url",
        "redirect_prefix",
        "position",
        "rules",
        "created_at",
        "updated_at",
        "tags",
        "redirect_http_code",
        "tenant_id",
        "revision",
        "declared_in",
    ];

    fn blank(head: Head) -> Self {
        Self {
            head,
            listener_id: Uuid::nil(),
            action: ActionType::Reject,
            position: LAST,
            redirect_pool_id: None,
            redirect_url: None,
            redirect_prefix: None,
            redirect_http_code: None,
        }
    }

    fn form(&mut self, form: &mut impl Form) {
        self.head.form(form, Described::Yes, NoTags::TakesAll);
        let action = NotNull {
            of: one_of(),
            otherwise: "Invalid L7 Policy action specified: None",
        };
        form.field(
            "action",
            When::REQUIRED,
            &mut self.action,
            &ActionType::Reject,
            &action,
        );
        form.field(
            "listener_id",
            When::REQUIRED_FIXED,
            &mut self.listener_id,
            &Uuid::nil(),
            &Reference("Listener"),
        );
        // A new one is the last, and another one stays where it is, unless something else is said.
        let here = self.position;
        let position = Integer { low: 1, high: LAST };
        form.field("position", When::OPEN, &mut self.position, &here, &position);
        form.field(
            "redirect_pool_id",
            When::OPEN,
            &mut self.redirect_pool_id,
            &None,
            &Nullable(Id),
        );
        let to = Nullable(Ruled(url));
        form.field("redirect_url", When::OPEN, &mut self.redirect_url, &None, &to);
        form.field(
            "redirect_prefix",
            When::OPEN,
            &mut self.redirect_prefix,
            &None,
            &to,
        );
        let code = Nullable(Redirects);
        form.field(
            "redirect_http_code",
            When::OPEN,
            &mut self.redirect_http_code,
            &None,
            &code,
        );
    }

    fn value(&self, field: &str, inventory: &Inventory) -> Json {
        match field {
            "action" => json!(self.action),
            "listener_id" => json!(self.listener_id),
            "redirect_pool_id" => json!(self.redirect_pool_id),
            "redirect_url" => json!(self.redirect_url),
            "redirect_prefix" => json!(self.redirect_prefix),
            "redirect_http_code" => json!(self.redirect_http_code),
            "position" => json!(self.position),
            "rules" => ids(inventory.l7rules.of(self.head.id)),
            "operating_status" => json!(inventory.operating_of_setting(&self.head)),
            _ => Json::Null,
        }
    }

    fn parents(&self) -> Vec<Uuid> {
        vec![self.listener_id]
    }
}

/// Something that is true of a request or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct L7Rule {
    /// What all objects have.
    pub head: Head,
    /// Whose it is.
    pub l7policy_id: Uuid,
    /// What of the request is looked at.
    #[serde(rename = "type")]
    pub kind: L7RuleType,
    /// How it is compared.
    pub compare_type: CompareType,
    /// The name of a header or a cookie.
    pub key: Option<String>,
    /// With what.
    pub value: String,
    /// Whether it is to be false.
    pub invert: bool,
}

fn one_line(text: &str) -> Result<(), String> {
    if text.contains(['\r', '\n']) {
        Err(r"Value should match the pattern ^[^\r\n]*$".into())
    } else {
        Ok(())
    }
}

impl Object for L7Rule {
    const SINGULAR: &'static str = "rule";
    const PLURAL: &'static str = "rules";
    const LINKS: &'static str = "rules_links";
    const TITLE: &'static str = "L7 Rule";
    const ARGUMENT: &'static str = "rule_.rule";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "type",
        "compare_type",
        "key",
        "value",
        "invert",
        "provisioning_status",
        "operating_status",
        "created_at",
        "updated_at",
        "project_id",
        "admin_state_up",
        "tags",
        "tenant_id",
        "revision",
        "declared_in",
    ];
    const REFERENCES: &'static [&'static str] = &["l7policy_id"];
    const ARGUMENT_OF_UPDATE: &'static str = "l7rule_.rule";

    fn blank(head: Head) -> Self {
        Self {
            head,
            l7policy_id: Uuid::nil(),
            kind: L7RuleType::Path,
            compare_type: CompareType::EqualTo,
            key: None,
            value: String::new(),
            invert: false,
        }
    }

    fn form(&mut self, form: &mut impl Form) {
        self.head.form_unnamed(form, NoTags::TakesAll);
        let (kind, compare_type) = (self.kind, self.compare_type);
        let of = NotNull {
            of: one_of(),
            otherwise: "Error parsing L7Rule: Invalid L7 Rule: invalid rule type",
        };
        form.field("type", When::REQUIRED, &mut self.kind, &kind, &of);
        let of = NotNull {
            of: one_of(),
            otherwise: "Error parsing L7Rule: Invalid L7 Rule: invalid comparison type for rule type",
        };
        form.field(
            "compare_type",
            When::REQUIRED,
            &mut self.compare_type,
            &compare_type,
            &of,
        );
        form.field(
            "key",
            When::OPEN,
            &mut self.key,
            &None,
            &Nullable(Ruled(one_line)),
        );
        let value = self.value.clone();
        let of = NotNull {
            of: Ruled(one_line),
            otherwise: "Error parsing L7Rule: Invalid L7 Rule: L7 rule type requires a value",
        };
        form.field("value", When::REQUIRED, &mut self.value, &value, &of);
        form.field("invert", When::OPEN, &mut self.invert, &false, &Boolean);
    }

    fn value(&self, field: &str, inventory: &Inventory) -> Json {
        match field {
            "type" => json!(self.kind),
            "compare_type" => json!(self.compare_type),
            "key" => json!(self.key),
            "value" => json!(self.value),
            "invert" => json!(self.invert),
            "l7policy_id" => json!(self.l7policy_id),
            "operating_status" => json!(inventory.operating_of_setting(&self.head)),
            _ => Json::Null,
        }
    }

    fn parents(&self) -> Vec<Uuid> {
        vec![self.l7policy_id]
    }
}
