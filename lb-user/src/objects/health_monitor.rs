//! Health monitors.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    form::{Form, Kind, When},
    head::{Described, Head, NoTags},
    inventory::{Inventory, Object, id_of},
    kind::{Integer, Nullable, Reference, Ruled, Text, one_of, written},
    words::{MonitorMethod, MonitorType},
};
use crate::model::{ExpectedCodes, url_path};

const SECONDS: Integer<u32> = Integer {
    low: 0,
    high: i32::MAX as u32,
};
pub(crate) const RETRIES: Integer<u8> = Integer { low: 1, high: 10 };

/// How a pool finds out which members are up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthMonitor {
    /// What all objects have.
    pub head: Head,
    /// Whose it is.
    pub pool_id: Uuid,
    /// What is asked.
    #[serde(rename = "type")]
    pub kind: MonitorType,
    /// From one probe to the next, in seconds.
    pub delay: u32,
    /// How long a probe may take, in seconds.
    pub timeout: u32,
    /// After so many probes that succeed a member is up.
    pub max_retries: u8,
    /// After so many that fail it is down.
    pub max_retries_down: u8,
    /// The method of a request; none where none is made.
    pub http_method: Option<MonitorMethod>,
    /// What is asked for.
    pub url_path: Option<String>,
    /// Which answers are good.
    pub expected_codes: Option<String>,
    /// The version of HTTP, in tenths: 10 or 11.
    pub http_version: Option<u8>,
    /// The host that is asked for.
    pub domain_name: Option<String>,
}

/// 1.0 or 1.1, as numbers or as strings.
struct HttpVersion;

impl Kind<u8> for HttpVersion {
    fn read(&self, given: &Json) -> Result<u8, String> {
        match written(given).as_str() {
            "1" | "1.0" => Ok(10),
            "1.1" => Ok(11),
            _ => Err("Value should be one of: 1.0, 1.1".into()),
        }
    }

    fn schema(&self) -> Json {
        json!({"type": "number", "enum": [1.0, 1.1]})
    }
}

/// A path, and a query behind it.
struct UrlPath;

impl Kind<String> for UrlPath {
    fn read(&self, given: &Json) -> Result<String, String> {
        let text = Text { least: 0, most: 2048 }.read(given)?;
        if url_path(&text).is_ok() && !text.starts_with("//") {
            Ok(text)
        } else {
            Err("Value must be a valid URL Path string".into())
        }
    }

    fn schema(&self) -> Json {
        json!({"type": "string", "pattern": "^/", "maxLength": 2048})
    }
}

fn expected_codes(text: &str) -> Result<(), String> {
    let codes: Result<ExpectedCodes, _> = text.parse();
    codes
        .map(drop)
        .map_err(|_| r"Value should match the pattern ^(\d{3}(\s*,\s*\d{3})*)$|^(\d{3}-\d{3})$".into())
}

/// What a domain name is, as the service writes it.
const DOMAIN_NAME: &str = r"^(?=.{1,253}\.?$)(?:(?!-|[^.]+_)[A-Za-z0-9-_]{1,63}(?<!-)(?:\.|$))+$";

fn domain_name(text: &str) -> Result<(), String> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() {
        return Err("Value should have a minimum character requirement of 1".into());
    }
    if name.len() <= 253 && name.split('.').all(is_label) {
        Ok(())
    } else {
        Err(format!("Value should match the pattern {DOMAIN_NAME}"))
    }
}

impl Object for HealthMonitor {
    const SINGULAR: &'static str = "healthmonitor";
    const PLURAL: &'static str = "healthmonitors";
    const LINKS: &'static str = "healthmonitors_links";
    const TITLE: &'static str = "Health Monitor";
    const ARGUMENT: &'static str = "health_monitor_.healthmonitor";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "type",
        "delay",
        "timeout",
        "max_retries",
        "max_retries_down",
        "http_method",
        "url_path",
        "expected_codes",
        "admin_state_up",
        "project_id",
        "pools",
        "provisioning_status",
        "operating_status",
        "created_at",
        "updated_at",
        "tags",
        "http_version",
        "domain_name",
        "tenant_id",
        "revision",
        "declared_in",
    ];
    const REFERENCES: &'static [&'static str] = &["pool_id"];

    fn blank(head: Head) -> Self {
        Self {
            head,
            pool_id: Uuid::nil(),
            kind: MonitorType::Tcp,
            delay: 0,
            timeout: 0,
            max_retries: 0,
            max_retries_down: 3,
            http_method: None,
            url_path: None,
            expected_codes: None,
            http_version: None,
            domain_name: None,
        }
    }

    fn form(&mut self, form: &mut impl Form) {
        self.head.form(form, Described::No, NoTags::ChangesNothing);
        form.field(
            "type",
            When::REQUIRED_FIXED,
            &mut self.kind,
            &MonitorType::Tcp,
            &one_of(),
        );
        let Self { delay, timeout, .. } = *self;
        form.field("delay", When::REQUIRED, &mut self.delay, &delay, &SECONDS);
        form.field("timeout", When::REQUIRED, &mut self.timeout, &timeout, &SECONDS);
        let retries = self.max_retries;
        form.field(
            "max_retries",
            When::REQUIRED,
            &mut self.max_retries,
            &retries,
            &RETRIES,
        );
        form.field(
            "max_retries_down",
            When::OPEN,
            &mut self.max_retries_down,
            &3,
            &RETRIES,
        );
        form.field(
            "pool_id",
            When::REQUIRED_FIXED,
            &mut self.pool_id,
            &Uuid::nil(),
            &Reference("Pool"),
        );
        form.field(
            "http_method",
            When::OPEN,
            &mut self.http_method,
            &None,
            &Nullable(one_of()),
        );
        form.field(
            "url_path",
            When::OPEN,
            &mut self.url_path,
            &None,
            &Nullable(UrlPath),
        );
        let codes = Nullable(Ruled(expected_codes));
        form.field(
            "expected_codes",
            When::OPEN,
            &mut self.expected_codes,
            &None,
            &codes,
        );
        form.field(
            "http_version",
            When::OPEN,
            &mut self.http_version,
            &None,
            &Nullable(HttpVersion),
        );
        let domain = Nullable(Ruled(domain_name));
        form.field("domain_name", When::OPEN, &mut self.domain_name, &None, &domain);
    }

    fn value(&self, field: &str, inventory: &Inventory) -> Json {
        match field {
            "type" => json!(self.kind),
            "delay" => json!(self.delay),
            "timeout" => json!(self.timeout),
            "max_retries" => json!(self.max_retries),
            "max_retries_down" => json!(self.max_retries_down),
            "http_method" => json!(self.http_method),
            "url_path" => json!(self.url_path),
            "expected_codes" => json!(self.expected_codes),
            "http_version" => json!(self.http_version.map(|tenths| f64::from(tenths) / 10.0)),
            "domain_name" => json!(self.domain_name),
            "pools" => json!([id_of(self.pool_id)]),
            "pool_id" => json!(self.pool_id),
            "operating_status" => json!(inventory.operating_of_setting(&self.head)),
            _ => Json::Null,
        }
    }

    fn parents(&self) -> Vec<Uuid> {
        vec![self.pool_id]
    }
}
