//! Version negotiation: the era and the revision of a request, and whether its headers agree with its body.
//!
//! Invariant: the order of the checks is fixed, because clients and the conformance suite distinguish eras by the
//! first error that they get (2026-07-28 "Server Validation", "Backward Compatibility").

use serde_json::{Map, Value};

use super::era::{Era, Version, names_modern};
use super::fault::Fault;
use super::headers::{self, HeaderValue, Headers, VERSION};

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// The parts of a request that decide its era and that its headers must agree with.
pub(super) struct VersionNegotiation<'a> {
    pub(super) headers: &'a dyn Headers,
    pub(super) method: &'a str,
    pub(super) params: &'a Map<String, Value>,
}

impl VersionNegotiation<'_> {
    fn meta(&self, key: &str) -> Option<&Value> {
        self.params.get("_meta")?.as_object()?.get(key)
    }

    /// A protocol version in `_meta`, or a header of 2026-07-28 or later.
    pub(super) fn is_modern(&self) -> bool {
        let named =
            matches!(self.headers.get(VERSION), HeaderValue::Text(text) if names_modern(headers::trim(text)));
        named || self.meta(META_VERSION).is_some()
    }

    /// The revision to use. Precedence for modern requests: header missing, `_meta` missing, the two disagree, the
    /// agreed revision is not served, the rest of `_meta`. An agreed revision that is a legacy one is served as such,
    /// since `server/discover` lists it.
    pub(super) fn version(&self) -> Result<Version, Fault> {
        if !self.is_modern() {
            return if self.method == "initialize" {
                // The body negotiates; a header from an earlier connection has no meaning yet.
                Ok(Version::NEWEST_LEGACY)
            } else {
                legacy_version(self.headers)
            };
        }
        let header = headers::required(self.headers, VERSION, "MCP-Protocol-Version")?;
        let named = self
            .meta(META_VERSION)
            .and_then(Value::as_str)
            .ok_or(Fault::Meta("params._meta must hold io.modelcontextprotocol/protocolVersion, a string"))?;
        if header != named {
            return Err(headers::differs("MCP-Protocol-Version", header, named));
        }
        let version = Version::find(named).ok_or_else(|| Fault::Version { requested: named.to_owned() })?;
        if version.era() == Era::Modern && !self.meta(META_CAPABILITIES).is_some_and(Value::is_object) {
            return Err(Fault::Meta(
                "params._meta must hold io.modelcontextprotocol/clientCapabilities, an object",
            ));
        }
        Ok(version)
    }

    /// Checks `Mcp-Method` always, and `Mcp-Name` if the body names something; a body without the name is an error in
    /// its params.
    pub(super) fn check_mirrors(&self) -> Result<(), Fault> {
        headers::check_method(self.headers, self.method)?;
        let key = match self.method {
            "tools/call" | "prompts/get" => "name",
            "resources/read" => "uri",
            _ => return Ok(()),
        };
        match self.params.get(key).and_then(Value::as_str) {
            Some(name) => headers::check_name(self.headers, name),
            None => Ok(()),
        }
    }
}

/// The revision of a legacy request: its header's, or 2025-03-26 without one.
pub(super) fn legacy_version(headers: &dyn Headers) -> Result<Version, Fault> {
    match headers.get(VERSION) {
        HeaderValue::Absent => Ok(Version::UNNAMED),
        HeaderValue::Unusable => {
            Err(Fault::Header("MCP-Protocol-Version must be sent once, in visible ASCII".to_owned()))
        }
        HeaderValue::Text(text) => {
            let name = headers::trim(text);
            Version::find(name).ok_or_else(|| Fault::Version { requested: name.to_owned() })
        }
    }
}
