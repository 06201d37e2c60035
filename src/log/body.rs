//! The body in a row: a text, or bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The columns of a [`StoredBody`]. Bytes come as hex digits, because an answer of D1 is JSON.
pub const BODY: &str =
    "iif(typeof(body) = 'text', body, NULL) AS body, iif(typeof(body) = 'blob', hex(body), NULL) AS hex";

/// The same columns of a row whose body is not read.
pub const NO_BODY: &str = "NULL AS body, NULL AS hex";

/// The body of a row with the columns [`BODY`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredBody {
    body: Option<String>,
    hex: Option<String>,
}

impl StoredBody {
    /// The body as a text, or else in base64. Both are `None` if the row has no body.
    ///
    /// # Errors
    /// The database has other columns.
    pub fn shown(self) -> Result<(Option<String>, Option<String>), String> {
        Ok((self.body, self.hex.map(decoded).transpose()?.map(|bytes| STANDARD.encode(bytes))))
    }

    /// The bytes of the body. `None` if the row has no body.
    ///
    /// # Errors
    /// The database has other columns.
    pub fn bytes(self) -> Result<Option<Vec<u8>>, String> {
        match self.body {
            Some(text) => Ok(Some(text.into_bytes())),
            None => self.hex.map(decoded).transpose(),
        }
    }
}

fn decoded(hex: String) -> Result<Vec<u8>, String> {
    hex::decode(hex).map_err(|error| format!("the body in D1: {error}"))
}
