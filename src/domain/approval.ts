/** Who wants to approve a request. */
export interface Approver {
  name: string;
  /** False when anybody may act under this name, as over HTTP without API keys. */
  identified: boolean;
}

/**
 * Why this person may not approve what `askers` asked for, or `null` when it is allowed. Whoever made the plan of a request is an asker
 * as well as who applied it. An asker is null in rows of older versions, and where there was no plan.
 */
export function selfApprovalProblem(askers: readonly (string | null)[], approver: Approver): string | null {
  const cure = 'or set PROVISIONER_SELF_APPROVAL=1 to allow self-approval';
  if (!approver.identified)
    return `without API keys nobody is known over HTTP, so nobody can approve there: set PROVISIONER_API_KEYS, ${cure}`;
  return askers.includes(approver.name)
    ? `"${approver.name}" asked for this request and may not approve it: let another API key or OS user approve, ${cure}`
    : null;
}
