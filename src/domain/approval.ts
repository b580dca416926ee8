/** Who wants to approve a request. */
export interface Approver {
  name: string;
  /** False when anybody may act under this name, as over HTTP without API keys. */
  identified: boolean;
}

/** Why this person may not approve what `asker` asked for, or `null` when it is allowed. `asker` is null in rows of older versions. */
export function selfApprovalProblem(asker: string | null, approver: Approver): string | null {
  const cure = 'or set PROVISIONER_SELF_APPROVAL=1 to allow self-approval';
  if (!approver.identified)
    return `without API keys nobody is known over HTTP, so nobody can approve there: set PROVISIONER_API_KEYS, ${cure}`;
  return approver.name === asker
    ? `"${asker}" asked for this request and may not approve it: let another API key or OS user approve, ${cure}`
    : null;
}
