// In place of what Monaco brings along and nothing on this page opens: editors of differences with what computes these,
// the quick input of its command palette, and its view of references. Together they are more than a sixth of its scripts.

export class DiffEditorWidget {}
export class MultiDiffEditorWidget {}
export const linesDiffComputers = {};
export class QuickInputService {}
export class ReferenceWidget {}
export class LayoutData {}
