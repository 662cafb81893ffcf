/** One line of a CSV file: its fields and where it begins. */
export interface CsvLine {
  line: number;
  fields: string[];
}

export interface CsvComplaint {
  line: number;
  what: string;
}

/**
 * CSV of RFC 4180, strictly: commas, fields in double quotes where they need them, LF or CRLF. What is wrong is told by its
 * line; the lines around it are read all the same.
 */
export function parseCsv(text: string): { lines: CsvLine[]; complaints: CsvComplaint[] } {
  const lines: CsvLine[] = [];
  const complaints: CsvComplaint[] = [];
  // Spreadsheets put a byte order mark first.
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  let line = 1;
  while (at < text.length) {
    const start = line;
    const fields: string[] = [];
    let wrong: string | undefined;
    for (let more = true; more; ) {
      const field = text[at] === '"' ? quoted(text, at) : plain(text, at);
      wrong ??= field.wrong;
      fields.push(field.value);
      at = field.end;
      line += field.lines;
      more = text[at] === ',';
      if (more) at++;
    }
    if (text.startsWith('\r\n', at)) at += 2;
    else if (text[at] === '\n') at++;
    line++;
    if (wrong === undefined) lines.push({ line: start, fields });
    else complaints.push({ line: start, what: wrong });
  }
  return { lines, complaints };
}

interface Field {
  value: string;
  end: number;
  /** Line ends inside it. */
  lines: number;
  wrong?: string;
}

/** Up to the next comma or line end. */
function plain(text: string, from: number): Field {
  let end = from;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && !text.startsWith('\r\n', end)) end++;
  const value = text.slice(from, end);
  const wrong = value.includes('"') ? 'a quote inside a field that does not begin with one' : controlIn(value);
  return { value, end, lines: 0, ...(wrong === undefined ? {} : { wrong }) };
}

function quoted(text: string, from: number): Field {
  let value = '';
  for (let at = from + 1; ; ) {
    const quote = text.indexOf('"', at);
    // Whatever follows belongs to a field that never ends.
    if (quote < 0) return { value, end: text.length, lines: 0, wrong: 'a quote that is not closed' };
    value += text.slice(at, quote);
    if (text[quote + 1] === '"') {
      value += '"';
      at = quote + 2;
      continue;
    }
    const rest = plain(text, quote + 1);
    const wrong = rest.value === '' ? controlIn(value) : 'text after a closing quote';
    const lines = text.slice(from, rest.end).split('\n').length - 1;
    return { value, end: rest.end, lines, ...(wrong === undefined ? {} : { wrong }) };
  }
}

function controlIn(value: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return /[\u0000-\u001f\u007f]/.test(value) ? 'a control character or line end inside a field' : undefined;
}
