//! How a merchant is presented in each sales channel.

/// How a merchant is presented in ChatGPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatGptSettings {
    /// The token of OpenAI's domain verification.
    pub challenge: Option<String>,
    /// The origin that the widget runs on, unique per plugin.
    pub widget_domain: Option<String>,
    /// The reviewed contract version.
    pub contract: ContractVersion,
    /// How payment methods are encoded on the payment sheet.
    pub methods_form: MethodsForm,
    /// Whether the widget is served with ChatGPT's older MIME type.
    pub legacy_mime: bool,
    /// Colours and logo of the widget.
    pub brand: Brand,
}

/// A version of the tools, schemas and widget addresses that was reviewed for a merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContractVersion {
    /// The first version.
    V1,
}

/// How `supported_payment_methods` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodsForm {
    /// `{"type": "card"}`, the newest form.
    Objects,
    /// `"card"`, the older form.
    Strings,
}

/// Colours and logo of the widget; a missing value leaves the widget's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brand {
    /// Accent colour, `#rrggbb`.
    pub color: Option<String>,
    /// Logo, an `https` address.
    pub logo: Option<String>,
}
