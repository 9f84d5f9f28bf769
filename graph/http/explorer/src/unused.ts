// In place of what Monaco brings along and nothing on this page opens: editors of differences, and the quick input of
// its command palette. Together they are a sixth of its scripts.

export class DiffEditorWidget {}
export class MultiDiffEditorWidget {}
export class QuickInputService {}
