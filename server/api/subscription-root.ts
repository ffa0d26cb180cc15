/** A rule that graphql-js lacks: the field that a subscription is of must always be there. */
import { GraphQLError, Kind, type ASTVisitor, type SelectionSetNode, type ValidationContext } from 'graphql';

/**
 * Refuses `@skip` and `@include` at a subscription's root, fragments included (GraphQL specification, September 2025, 5.2.4.1): without its
 * field it is a subscription to nothing, which graphql-js answers with a fault instead of an error.
 */
export function subscriptionRootRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(operation) {
      if (operation.operation !== 'subscription') return;
      const seen = new Set<string>();
      const check = ({ selections }: SelectionSetNode): void => {
        for (const selection of selections) {
          const conditional = selection.directives?.find(({ name }) => name.value === 'skip' || name.value === 'include');
          if (conditional) {
            const message = `the field of a subscription must always be selected; remove "@${conditional.name.value}"`;
            context.reportError(new GraphQLError(message, { nodes: conditional }));
          }
          if (selection.kind === Kind.INLINE_FRAGMENT) check(selection.selectionSet);
          if (selection.kind !== Kind.FRAGMENT_SPREAD || seen.has(selection.name.value)) continue;
          seen.add(selection.name.value);
          const fragment = context.getFragment(selection.name.value);
          if (fragment) check(fragment.selectionSet);
        }
      };
      check(operation.selectionSet);
    },
  };
}
