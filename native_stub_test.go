package ledger

import "io"

func (*ledgerFormat) readAnswer(int, io.Reader, int) answer { return answer{} }
