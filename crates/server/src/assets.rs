//! The style sheet, the script and the picture, in the program. Their addresses carry a hash of what is in them, so that
//! a browser keeps them for as long as they are the same.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::problem::{Answered, Problem};

const STYLES: &str = include_str!("../static/style.css");
const SCRIPT: &str = include_str!("../static/console.js");
const ICON: &str = include_str!("../static/icon.svg");

static STYLES_HREF: LazyLock<String> = LazyLock::new(|| href("style.css", STYLES));
static SCRIPT_HREF: LazyLock<String> = LazyLock::new(|| href("console.js", SCRIPT));

/// Where the style sheet is.
pub(crate) fn styles_href() -> &'static str {
    &STYLES_HREF
}

/// Where the script is.
pub(crate) fn script_href() -> &'static str {
    &SCRIPT_HREF
}

fn href(name: &str, text: &str) -> String {
    format!("/static/{name}?v={}", &HEXLOWER.encode(&Sha256::digest(text.as_bytes()))[..12])
}

pub(crate) async fn file(Path(name): Path<String>) -> Answered {
    let (kind, text) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLES),
        "console.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(Problem::not_found("there is no such file")),
    };
    let mut response: Response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}
