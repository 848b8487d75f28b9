package ledgerview

import "net/http"

// export serves GET /api/export.
func (v *Viewer) export(w http.ResponseWriter, r *http.Request) {}

// importRecords serves POST /api/import.
func (v *Viewer) importRecords(w http.ResponseWriter, r *http.Request) {}
